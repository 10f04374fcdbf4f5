import { backoffDelay, withFullJitter, type Backoff } from "@hanzo-fn/lifecycle";

/** Why a try came to nothing. `silent`: the server took the connection, and then nothing moved. */
export type Setback =
  | { readonly kind: "lost" }
  | { readonly kind: "silent" }
  | { readonly kind: "status"; readonly status: number; readonly retryAfterMs?: number | undefined };

export interface RetryPolicy {
  /** Tries in all. */
  readonly attempts: number;
  /** Tries in all where the server is silent, as each takes its whole time limit. */
  readonly silentAttempts: number;
  readonly backoff: Backoff;
  /** A server that wants a longer pause than this is not waited for. */
  readonly longestPauseMs: number;
}

const AGAIN = new Set([408, 425, 429]);

/** True where the same request may be answered later. Other 4xx stay what they are. */
export function isPassing(status: number): boolean {
  return status >= 500 || AGAIN.has(status);
}

/** The pause before the next try, after try number `attempt` (from 1); undefined where there is none. `random` is in [0, 1). */
export function pauseBefore(
  setback: Setback,
  attempt: number,
  policy: RetryPolicy,
  random: number,
): number | undefined {
  if (attempt >= (setback.kind === "silent" ? policy.silentAttempts : policy.attempts)) return undefined;
  if (setback.kind === "status" && !isPassing(setback.status)) return undefined;
  const pause = withFullJitter(backoffDelay(policy.backoff, attempt), random);
  const asked = setback.kind === "status" ? (setback.retryAfterMs ?? 0) : 0;
  return asked > policy.longestPauseMs ? undefined : Math.max(pause, asked);
}

/** The header `Retry-After`: seconds or a date (RFC 9110, section 10.2.3). Milliseconds from `now`. */
export function retryAfterMs(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
