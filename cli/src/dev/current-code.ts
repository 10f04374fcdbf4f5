import { PlatformError } from "@hanzo-fn/contract";
import type { Instances, Lease } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { CodeInstance } from "./code-instance.ts";
import type { SourceWatch } from "./source-watch.ts";

export interface CodeEvents {
  /** The code of the newest save serves. `ms`: since that save was seen. */
  onReady(instance: CodeInstance, ms: number): void;
  /** It does not build or load; every request gets this error until the next save. */
  onFailed(error: PlatformError, ms: number): void;
}

export interface CurrentCode {
  readonly instances: Instances;
  /** Builds and loads the newest source, where that is not under way or done. */
  refresh(): void;
  /** The newest source does build, load and run, or does not. */
  settled(): Promise<void>;
  readonly instance: CodeInstance | undefined;
  close(): Promise<void>;
}

type Outcome =
  | { readonly kind: "ready"; readonly instance: CodeInstance }
  | { readonly kind: "failed"; readonly error: PlatformError };

interface Waiter {
  readonly version: number;
  readonly wake: () => void;
}

/** A newer save ends the work on an older one, unless saves have gone on for so long without a result. */
const PATIENCE_MS = 2500;
/** How often code that ends as soon as it has loaded is started again for one call. */
const TRIES = 3;
/** How often in a row a failure is not believed, because a save came while it was made. */
const DOUBTS = 3;
const STOP_GRACE_MS = 2000;
const STALE = Symbol("a newer save");

function asPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PlatformError("internal", message, { cause: error, component: "dev" });
}

/**
 * The one function of `hanzo-fn dev`, always as it was saved last: a call that comes after a save waits until that
 * save serves or has failed, calls that run already end on the code they began on.
 */
export function createCurrentCode(deps: {
  readonly watch: SourceWatch;
  /** Builds and starts the source as it is now. */
  readonly make: (version: number, signal: AbortSignal) => Promise<CodeInstance>;
  readonly events: CodeEvents;
  readonly clock: Clock;
}): CurrentCode {
  const { watch, make, events, clock } = deps;
  const closing = new AbortController();
  const waiters = new Set<Waiter>();
  let current: { readonly version: number; readonly outcome: Outcome } | undefined;
  let attempt: { readonly version: number; readonly stop: AbortController } | undefined;
  let pendingSinceMs: number | undefined;
  let working: Promise<void> | undefined;
  let doubted = 0;

  /** What a call that needs `version` gets now; undefined where it has to wait. */
  const outcomeFor = (version: number): Outcome | undefined => {
    if (current === undefined || current.version < version) return undefined;
    const { outcome } = current;
    return outcome.kind === "ready" && !outcome.instance.usable ? undefined : outcome;
  };
  /** Something is saved that neither serves nor failed, or a call waits for an instance that is gone. */
  const isWanted = (): boolean =>
    current === undefined ||
    current.version < watch.version ||
    (waiters.size > 0 && outcomeFor(0) === undefined);
  const settle = (version: number, outcome: Outcome): void => {
    const before = current?.outcome;
    doubted = 0;
    current = { version, outcome };
    if (before?.kind === "ready") before.instance.retire();
    const ms = clock.monotonic() - (pendingSinceMs ?? clock.monotonic());
    pendingSinceMs = undefined;
    if (outcome.kind === "ready") events.onReady(outcome.instance, ms);
    else events.onFailed(outcome.error, ms);
    for (const waiter of waiters) if (waiter.version <= version) waiter.wake();
  };
  const tryOnce = async (): Promise<void> => {
    const since = (pendingSinceMs ??= clock.monotonic());
    await watch.quiet(since + PATIENCE_MS / 5, closing.signal);
    const { version } = watch;
    const stop = new AbortController();
    attempt = { version, stop };
    try {
      const instance = await make(version, AbortSignal.any([stop.signal, closing.signal]));
      settle(version, { kind: "ready", instance });
    } catch (error) {
      if (closing.signal.aborted) throw error;
      // What was read while it was half written is whole by now: a newer save, also where saves go on for so long that
      // none ends the work on one before it.
      const isNewest = watch.look() === version;
      if (stop.signal.aborted || (!isNewest && ++doubted <= DOUBTS)) return;
      settle(version, { kind: "failed", error: asPlatformError(error) });
    } finally {
      attempt = undefined;
    }
  };
  const work = async (): Promise<void> => {
    try {
      while (!closing.signal.aborted && isWanted()) await tryOnce();
    } catch (error) {
      if (!closing.signal.aborted) throw error;
    } finally {
      working = undefined;
    }
  };
  const refresh = (): void => {
    if (closing.signal.aborted) return;
    if (attempt !== undefined && attempt.version < watch.version) {
      const pendingMs = clock.monotonic() - (pendingSinceMs ?? clock.monotonic());
      if (pendingMs < PATIENCE_MS) attempt.stop.abort(STALE);
    }
    // Where nothing is wanted, `work` would be over before it is remembered as running.
    if (isWanted()) working ??= work();
  };
  const waitFor = (version: number, signal: AbortSignal): Promise<void> => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { version, wake: resolve };
    const onAbort = (): void => reject(signal.reason as Error);
    waiters.add(waiter);
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    refresh();
    return promise.finally(() => {
      waiters.delete(waiter);
      signal.removeEventListener("abort", onAbort);
    });
  };

  const tryAcquire = (): Lease | undefined => {
    const outcome = outcomeFor(watch.version);
    return outcome?.kind === "ready" ? outcome.instance.lease(undefined) : undefined;
  };
  const acquire = async (signal: AbortSignal): Promise<Lease> => {
    const begun = clock.monotonic();
    const { version } = watch;
    for (let tries = 0; tries <= TRIES; tries++) {
      const outcome = outcomeFor(version);
      if (outcome?.kind === "failed") throw outcome.error;
      const totalMs = clock.monotonic() - begun;
      if (outcome !== undefined) return outcome.instance.lease({ totalMs, phasesMs: { reload: totalMs } });
      await waitFor(version, AbortSignal.any([signal, closing.signal]));
    }
    throw new PlatformError("crash_loop", "the function ends as soon as it has loaded", { component: "dev" });
  };

  return {
    instances: { tryAcquire, acquire: (_, signal) => acquire(signal) },
    refresh,
    async settled() {
      const version = watch.look();
      while (outcomeFor(version) === undefined) await waitFor(version, closing.signal);
    },
    get instance() {
      return current?.outcome.kind === "ready" ? current.outcome.instance : undefined;
    },
    async close() {
      closing.abort(new PlatformError("draining", "hanzo-fn dev is stopping", { component: "dev" }));
      await working;
      if (current?.outcome.kind === "ready") await current.outcome.instance.process.stop(STOP_GRACE_MS);
    },
  };
}
