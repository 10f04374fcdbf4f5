import { statusOf } from "../http/errors.ts";

/** How a watch ended. */
export type WatchEnd =
  /** The server ended it in good order; `early`: at once, without a word. */
  | { readonly how: "done"; readonly early: boolean }
  | {
      readonly how: "failed";
      readonly error: unknown;
      /** Whether anything came before. */
      readonly heard: boolean;
      /** An event said so, on a connection that is well. */
      readonly inStream: boolean;
    };

export interface NextStep {
  /** Read everything again, instead of going on where the last event was. */
  readonly relist: boolean;
  /** Failures in a row, for the back-off; 0 goes on at once. */
  readonly failures: number;
  /** Whether somebody should hear of it. */
  readonly worthALine: boolean;
}

/** Resuming in vain this often, one reads everything: the server may have lost what we go on from. */
const RESUMES = 3;

/**
 * What follows a watch: a lost connection goes on where it was; a version that the server no longer has (410), an
 * error inside the stream or a line that is no event reads everything again.
 */
export function nextStep(end: WatchEnd, failuresBefore: number): NextStep {
  if (end.how === "done") {
    const failures = end.early ? failuresBefore + 1 : 0;
    return { relist: failures > RESUMES, failures, worthALine: false };
  }
  const failures = (end.heard ? 0 : failuresBefore) + 1;
  const { error } = end;
  const code = statusOf(error)?.code;
  // Nothing is wrong with a server that forgets; it happens to any watch that was away for a while.
  if (code === 410) return { relist: true, failures: end.heard ? 0 : failures, worthALine: false };
  const busy = !end.inStream && code !== undefined && (code === 429 || code >= 500);
  const lost = code === undefined && !(error instanceof SyntaxError);
  return { relist: !(busy || lost) || failures > RESUMES, failures, worthALine: isWorthALine(failures) };
}

/** The first time, and less and less often: a dozen watches notice the same restart. */
export function isWorthALine(failures: number): boolean {
  return Number.isInteger(Math.log2(failures));
}
