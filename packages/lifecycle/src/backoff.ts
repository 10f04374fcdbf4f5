export interface Backoff {
  readonly initialMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

/** Delay before try `attempt` (1 = the first retry), without jitter. */
export function backoffDelay(backoff: Backoff, attempt: number): number {
  return Math.min(backoff.initialMs * backoff.factor ** Math.max(0, attempt - 1), backoff.maxMs);
}

/** Full jitter: somewhere in [0, delay). `random` is in [0, 1). */
export function withFullJitter(delayMs: number, random: number): number {
  return delayMs * random;
}
