import { type Blobs, collectGarbage, layerKey, sourceKey } from "@hanzo-fn/blobs";
import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";

const EVERY_MS = 600_000;
/** A deploy puts its archive before its row; this is longer than any deploy takes between the two. */
const GRACE_MS = 3_600_000;
/** Expired keys that one statement removes. */
const KV_SWEEP = 1000;
const FIGURES_KEPT_MS = 30 * 86_400_000;

export interface GarbageParts {
  readonly store: Store;
  readonly blobs: Blobs;
  /** Working copies and layers that no revision refers to. */
  readonly collectBuilds: () => Promise<void>;
  readonly clock: Clock;
  readonly log: Logger;
}

/** One sweep: blobs that no row refers to, builds of revisions that are gone, expired keys, old figures. */
export async function sweepOnce(parts: GarbageParts, graceMs: number, signal: AbortSignal): Promise<void> {
  const { store, blobs, clock, log } = parts;
  const now = clock.now();
  const collected = await collectGarbage({
    blobs,
    referenced: async () =>
      new Set(
        (await store.referencedBlobs()).map(({ org, kind, ref }) => {
          if (kind === "task" || kind === "letter") return ref;
          return kind === "source" ? sourceKey(org, ref) : layerKey(org, ref);
        }),
      ),
    olderThanMs: graceMs,
    now,
    signal,
  });
  if (collected.deleted.length > 0) {
    log.info("garbage collected", { blobs: collected.deleted.length, bytes: collected.bytes });
  }
  await parts.collectBuilds();
  while (!signal.aborted && (await store.kv.sweep(KV_SWEEP)) === KV_SWEEP);
  await store.sweep({ figuresBefore: new Date(now - FIGURES_KEPT_MS) });
}

/** Sweeps every ten minutes. */
export function createGarbageCollector(parts: GarbageParts): Service {
  const stopped = new AbortController();
  let loop: Promise<void> | undefined;
  const run = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      await parts.clock.sleep(EVERY_MS, stopped.signal).catch(() => {});
      if (stopped.signal.aborted) return;
      await sweepOnce(parts, GRACE_MS, stopped.signal).catch((error: unknown) =>
        parts.log.warn("garbage not collected this time", { error }),
      );
    }
  };
  return {
    name: "garbage",
    start() {
      loop = run();
      return Promise.resolve();
    },
    async stop() {
      stopped.abort(new Error("the garbage collector is stopping"));
      await loop;
    },
  };
}
