import type { Output } from "./output.ts";
import { milliseconds } from "./words.ts";

/** Phases of a longer command with their times: a living line on a terminal, plain lines otherwise. */
export interface Progress {
  /** This phase begins, or goes on under another name. */
  now(phase: string): void;
  /** It is over; `text` says with what result. */
  done(text: string): void;
  /** Takes the living line away. */
  clear(): void;
}

export function createProgress(output: Output, now: () => number = () => performance.now()): Progress {
  let begun = now();
  let living = false;
  const clear = (): void => {
    if (living) output.status("");
    living = false;
  };
  return {
    now(phase) {
      if (!living) begun = now();
      if (output.tty) output.status(`  ${phase} …`);
      living = true;
    },
    done(text) {
      clear();
      output.note(`  ${text} [${milliseconds(now() - begun)}]`);
      begun = now();
    },
    clear,
  };
}
