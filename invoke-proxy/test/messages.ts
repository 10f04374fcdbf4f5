/** What a parser made of a whole message, in a form in which two parsers can be compared. */
export interface Message {
  /** Request line or status line, taken apart. */
  readonly start: readonly (string | number)[];
  /** Statuses of the 1xx heads before the message. */
  readonly interim: readonly number[];
  /** name, value, name, value ... as sent. */
  readonly fields: readonly string[];
  /** latin1 */
  readonly body: string;
  readonly keepAlive: boolean;
}

/** `at` is the offset just behind the message; `untilClose`: only the end of the connection ends it. */
export type Outcome =
  | { readonly kind: "message"; readonly message: Message; readonly at: number; readonly untilClose: boolean }
  | { readonly kind: "incomplete" }
  | { readonly kind: "refused"; readonly code: string; readonly reason: string };

/** What a response answers. */
export interface Asked {
  readonly method: string;
  readonly upgrade: string | null;
}

/** The pieces that `size` bytes arrive in: ends of the pieces, ascending, the last one `size`. */
export function pieces(size: number, ...cuts: readonly number[]): number[] {
  return [...cuts.filter((cut) => cut > 0 && cut < size), size];
}

/** Every byte a piece of its own. */
export function singleBytes(size: number): number[] {
  return Array.from({ length: size }, (_, index) => index + 1);
}
