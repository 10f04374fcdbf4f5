import { type Backoff, backoffDelay, withFullJitter } from "@hanzo-fn/lifecycle";

/** How one try ended. */
export type Failure =
  | { readonly status: number; readonly retryAfterSeconds?: number | undefined }
  /** No answer; `code` of the system or of Node. */
  | { readonly code: string | undefined };

export interface RetryQuestion {
  /** Whether doing it twice is doing it once. */
  readonly idempotent: boolean;
  /** Number of the try that failed, from 1. */
  readonly attempt: number;
  readonly attempts: number;
  readonly backoff: Backoff;
  /** In [0, 1). */
  readonly random: number;
}

const MAX_RETRY_AFTER_MS = 30_000;
/** Nothing was sent yet. */
const NOT_SENT = new Set(["ECONNREFUSED", "EAI_AGAIN", "ENETUNREACH", "EHOSTUNREACH"]);

/**
 * After how many milliseconds to try again; undefined for never. An answer that names a time (429, and 5xx with
 * Retry-After) promises that nothing was done, whatever the method, as client-go has it; any other failure is tried
 * again only where that does no harm.
 */
export function retryDelayMs(failure: Failure, question: RetryQuestion): number | undefined {
  const { idempotent, attempt, attempts, backoff, random } = question;
  if (attempt >= attempts) return undefined;
  const delay = withFullJitter(backoffDelay(backoff, attempt), random);
  if ("code" in failure) return idempotent || NOT_SENT.has(failure.code ?? "") ? delay : undefined;
  const { status, retryAfterSeconds } = failure;
  if (status !== 429 && status < 500) return undefined;
  if (retryAfterSeconds !== undefined)
    return Math.max(delay, Math.min(retryAfterSeconds * 1000, MAX_RETRY_AFTER_MS));
  return idempotent || status === 429 ? delay : undefined;
}
