import type { ErrorCode } from "@hanzo-fn/contract";

/** Why a revision does not run, in words for its user. */
export interface Verdict {
  readonly code: ErrorCode;
  readonly message: string;
  /** What to do about it; a command where there is one. */
  readonly next: string;
  /** Waiting makes no difference. Otherwise Kubernetes tries again, and it may come right by itself. */
  readonly final: boolean;
}

/** What words need to name. */
export interface Subject {
  readonly function: string;
  readonly revision: string;
  readonly number: number;
  readonly memoryBytes: number;
  /** Its code was ready once: an exit is no failure to load. */
  readonly proven: boolean;
}

export function logsOf({ function: name, number }: Subject): string {
  return `hanzo-fn logs ${name} --revision ${number}`;
}
