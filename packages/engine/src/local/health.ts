import { errorTable, PlatformError, type ErrorCode } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { DesiredRevision, RevisionFailure } from "../engine.ts";
import { afterCrash, blockedForMs, noCrashes, type Crashes } from "./crashes.ts";
import { errorOf, lastLines } from "./explain.ts";
import type { LocalEngineOptions } from "./options.ts";
import { StartError } from "./starter.ts";

/** Codes that say that the code itself is unwell; others name a cause that the caller should see as it is. */
const CRASH_CODES: ReadonlySet<ErrorCode> = new Set(["load_failed", "instance_exited", "out_of_memory"]);
/** A failed deploy is tried again by a later wish where the cause was outside of the code, but not more often. */
const RETRY_AFTER_MS = 5000;

interface Failure {
  readonly shown: RevisionFailure;
  readonly error: PlatformError;
  readonly atMs: number;
}

/** What went wrong with one revision, and how long it has to rest because of it. */
export class Health {
  readonly #clock: Clock;
  readonly #options: LocalEngineOptions;
  #failure: Failure | undefined;
  #crashes: Crashes = noCrashes;

  constructor(clock: Clock, options: LocalEngineOptions) {
    this.#clock = clock;
    this.#options = options;
  }

  /** A call ended well: crashes before it were no loop. The last failure stays visible for a while. */
  wentWell(): void {
    if (this.#crashes.count > 0) this.#crashes = noCrashes;
  }

  /** An instance crashed, or did not start. Answers how long nothing may be started, in milliseconds. */
  crashed(desired: DesiredRevision, cause: unknown): number {
    const rule = { threshold: this.#options.crashThreshold, backoff: this.#options.crashBackoff };
    this.#crashes = afterCrash(this.#crashes, rule, this.#clock.monotonic());
    this.failed(desired, cause);
    return this.blockedMs;
  }

  failed(desired: DesiredRevision, cause: unknown): PlatformError {
    const error = platformError(desired, cause);
    const logTail = cause instanceof StartError ? cause.logTail : [];
    const at = new Date(this.#clock.now()).toISOString();
    const details = error.details === undefined ? {} : { details: error.details };
    const shown = { code: error.code, message: error.message, logTail, ...details, at };
    this.#failure = { shown, error, atMs: this.#clock.monotonic() };
    return error;
  }

  forget(): void {
    this.#failure = undefined;
  }

  get blockedMs(): number {
    return blockedForMs(this.#crashes, this.#clock.monotonic());
  }

  get error(): PlatformError | undefined {
    return this.#failure?.error;
  }

  /** Whether waiting for another start makes no sense: the last failure was not the code's. */
  get isForeign(): boolean {
    return this.#failure !== undefined && !CRASH_CODES.has(this.#failure.error.code);
  }

  /** Whether a deploy that failed may be tried again. */
  get mayRetry(): boolean {
    if (!this.#failure) return false;
    const { error, atMs } = this.#failure;
    const outside = errorTable[error.code].fault === "platform" || error.code === "missing_secret";
    return outside && this.#clock.monotonic() - atMs >= RETRY_AFTER_MS;
  }

  /** What callers are told while nothing may be started; undefined where something may. */
  refusal(desired: DesiredRevision): PlatformError | undefined {
    const blocked = this.blockedMs;
    const last = this.#failure;
    if (blocked <= 0 || !last) return undefined;
    if (this.isForeign) return last.error;
    const seconds = Math.max(1, Math.ceil(blocked / 1000));
    const tail = last.error.message.includes("last lines") ? "" : lastLines(last.shown.logTail);
    const message =
      `${desired.ref.name} failed ${this.#crashes.count} times in a row; the next start is in ${seconds} s. ` +
      `Last: ${last.error.message}${tail}`;
    return errorOf(desired, "crash_loop", message, {
      retryAfterSeconds: seconds,
      next: `hanzo-fn logs ${desired.ref.function} --revision ${desired.ref.number}`,
      cause: last.error,
    });
  }

  /** For `status`: an old failure is not told of any more. */
  shown(desired: DesiredRevision): RevisionFailure | undefined {
    const failure = this.#failure;
    if (!failure || this.#clock.monotonic() - failure.atMs > this.#options.failureShownMs) return undefined;
    const refusal = this.refusal(desired);
    return refusal ? { ...failure.shown, code: refusal.code, message: refusal.message } : failure.shown;
  }

  /** Why the deploy failed; never too old. */
  get last(): RevisionFailure | undefined {
    return this.#failure?.shown;
  }
}

function platformError(desired: DesiredRevision, cause: unknown): PlatformError {
  if (cause instanceof StartError) return cause.error;
  if (cause instanceof PlatformError) return cause;
  const message = `the instance did not start: ${cause instanceof Error ? cause.message : String(cause)}`;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  const full = code === "ENOSPC" || code === "EDQUOT";
  return errorOf(desired, full ? "storage_full" : "internal", message, { cause });
}
