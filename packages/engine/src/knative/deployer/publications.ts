import { PlatformError } from "@hanzo-fn/contract";
import { type Backoff, backoffDelay, type Clock, createGate } from "@hanzo-fn/lifecycle";
import type { DesiredRevision } from "../../engine.ts";
import type { Published, Publisher } from "../publish.ts";

/** How far the image of a revision is. */
export type Publication =
  | {
      readonly state: "running";
      /** Why it was not done at the last try. */
      readonly waiting?: PlatformError | undefined;
    }
  | { readonly state: "done"; readonly published: Published }
  | { readonly state: "failed"; readonly error: PlatformError; readonly atMs: number };

export interface Publications {
  get(revisionKey: string): Publication | undefined;
  /** Begins where nothing is known of it. What failed has failed, but for a proven revision, which is tried again later. */
  begin(desired: DesiredRevision, deadlineMs: number): void;
  /** Breaks off, and forgets what there is. */
  forget(revisionKey: string): void;
  stop(): Promise<void>;
}

export interface PublicationsDependencies {
  readonly publish: Publisher["publish"];
  readonly clock: Clock;
  /** It began, failed once, or ended. */
  readonly onChange: (desired: DesiredRevision) => void;
}

/** Programs are built one beside the other in moments; more at once only share the same processor. */
const AT_ONCE = 8;
const AGAIN_MS = 60_000;
const BACKOFF: Backoff = { initialMs: 500, factor: 2, maxMs: 15_000 };

export function asPlatformError(error: unknown): PlatformError {
  if (error instanceof PlatformError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new PlatformError("internal", message, { component: "engine/knative", cause: error });
}

/**
 * The images of revisions, made beside everything else: a build of minutes holds up no repair. What may pass is tried again:
 * until the deadline, and for a proven revision without end.
 */
export function createPublications({ publish, clock, onChange }: PublicationsDependencies): Publications {
  const all = new Map<string, { publication: Publication; readonly abort: AbortController }>();
  const gate = createGate(AT_ONCE);
  const running = new Set<Promise<void>>();

  const run = async (desired: DesiredRevision, deadlineMs: number, signal: AbortSignal): Promise<void> => {
    const begun = clock.monotonic();
    const set = (publication: Publication): void => {
      const entry = all.get(desired.ref.key);
      if (signal.aborted || entry === undefined) return;
      entry.publication = publication;
      onChange(desired);
    };
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        set({ state: "done", published: await gate(signal, () => publish(desired, signal)) });
        return;
      } catch (cause) {
        const error = asPlatformError(cause);
        const isLate = desired.proven !== true && clock.monotonic() - begun > deadlineMs;
        if (!error.retryable || isLate) return set({ state: "failed", error, atMs: clock.monotonic() });
        set({ state: "running", waiting: error });
        await clock.sleep(backoffDelay(BACKOFF, attempt), signal).catch(() => {});
      }
    }
  };
  const forget = (key: string): void => {
    all.get(key)?.abort.abort(new Error("the revision is not wished for any more"));
    all.delete(key);
  };
  return {
    get: (key) => all.get(key)?.publication,
    begin(desired, deadlineMs) {
      const { key } = desired.ref;
      const before = all.get(key)?.publication;
      const isOver = before?.state === "failed" && clock.monotonic() - before.atMs >= AGAIN_MS;
      if (before !== undefined && !(isOver && desired.proven === true)) return;
      const abort = new AbortController();
      all.set(key, { publication: { state: "running" }, abort });
      const one = run(desired, deadlineMs, abort.signal).finally(() => running.delete(one));
      running.add(one);
      onChange(desired);
    },
    forget,
    async stop() {
      for (const key of all.keys()) forget(key);
      await Promise.allSettled(running);
    },
  };
}
