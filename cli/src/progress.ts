import type { Output } from "./output.ts";
import { milliseconds } from "./words.ts";

const EVERY_MS = 100;

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
  let phase: string | undefined;
  let ticking: NodeJS.Timeout | undefined;
  const show = (): void => output.status(`  ${phase} … ${milliseconds(now() - begun)}`);
  const clear = (): void => {
    clearInterval(ticking);
    ticking = undefined;
    if (phase !== undefined) output.status("");
    phase = undefined;
  };
  return {
    now(next) {
      if (phase === undefined) begun = now();
      phase = next;
      if (!output.tty) return;
      show();
      ticking ??= setInterval(show, EVERY_MS).unref();
    },
    done(text) {
      clear();
      output.note(`  ${text} [${milliseconds(now() - begun)}]`);
      begun = now();
    },
    clear,
  };
}
