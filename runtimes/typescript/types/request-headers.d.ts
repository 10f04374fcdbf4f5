/**
 * The headers of a request by case-insensitive name: the reading half of the Web's `Headers`, without the cost
 * of loading it. `new Headers(ctx.headers)` and `Object.fromEntries(ctx.headers)` work.
 */
export declare class RequestHeaders implements Iterable<[string, string]> {
  #private;
  /** @param values lower-case name to value; repeated ones are joined with a comma. */
  constructor(values: Readonly<Record<string, string | readonly string[] | undefined>>);
  get(name: string): string | null;
  has(name: string): boolean;
  entries(): IterableIterator<[string, string]>;
  keys(): IterableIterator<string>;
  values(): IterableIterator<string>;
  forEach(visit: (value: string, name: string) => void): void;
  [Symbol.iterator](): IterableIterator<[string, string]>;
  toJSON(): Record<string, string>;
}
