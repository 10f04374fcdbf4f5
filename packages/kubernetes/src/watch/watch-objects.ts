import type { ListQuery, ObjectList } from "../object-calls.ts";
import { type Kind, type KubeObject, objectKey } from "../objects.ts";
import { createCache, type Indexes, type ObjectCache } from "./cache.ts";
import { follow, type FollowDependencies } from "./follow.ts";

export interface WatchQuery<T extends KubeObject> extends ListQuery {
  readonly kind: Kind<T>;
  readonly indexes?: Indexes<T> | undefined;
  /** Calls back for every key this often, in ms: 5 min; 0 for never. */
  readonly resyncMs?: number | undefined;
  /** What is kept of an object. `managedFields` are never kept. */
  readonly keep?: ((object: T) => T) | undefined;
}

export interface WatchHandlers<T extends KubeObject> {
  /**
   * Something may be different about this key: look at the cache, and at the world. `object` is what the cache has,
   * undefined where it is gone. Several changes may come as one, and one may come twice.
   */
  onChange(key: string, object: T | undefined): void;
}

export interface ObjectWatch<T extends KubeObject> extends ObjectCache<T> {
  /** Resolves when everything was listed once and the handler was called for it; rejects when the signal aborts before. */
  readonly synced: Promise<void>;
}

export interface Watches {
  /** Keeps a copy of the objects until the signal aborts, through whatever happens to the server. */
  watchObjects<T extends KubeObject>(
    query: WatchQuery<T>,
    handlers: WatchHandlers<T>,
    signal: AbortSignal,
  ): ObjectWatch<T>;
}

const RESYNC_MS = 300_000;

export function createWatches(deps: FollowDependencies, silenceMs: number): Watches {
  return {
    watchObjects: (query, handlers, signal) => watchObjects(deps, silenceMs, query, handlers, signal),
  };
}

function watchObjects<T extends KubeObject>(
  deps: FollowDependencies,
  silenceMs: number,
  query: WatchQuery<T>,
  handlers: WatchHandlers<T>,
  signal: AbortSignal,
): ObjectWatch<T> {
  const { kind, indexes = {}, keep = (object) => object, resyncMs = RESYNC_MS } = query;
  const cache = createCache(indexes);
  const synced = Promise.withResolvers<void>();
  // Who does not wait for it is not to be bothered by it.
  synced.promise.catch(() => {});
  signal.addEventListener("abort", () => synced.reject(signal.reason as Error), { once: true });
  if (signal.aborted) synced.reject(signal.reason as Error);

  const tell = (key: string): void => {
    try {
      handlers.onChange(key, cache.get(key));
    } catch (error) {
      deps.log.warn("the handler of a watch failed", { kind: kind.kind, key, error });
    }
  };
  const onList = ({ items }: ObjectList<T>): void => {
    for (const key of cache.replaceAll(items.map((item) => keep(withoutManagers(item))))) tell(key);
    synced.resolve();
  };
  void follow(
    deps,
    {
      kind,
      query,
      silenceMs,
      onList,
      onEvent({ type, object }) {
        const key = objectKey(object);
        if (type === "deleted" ? cache.remove(key) : cache.put(keep(withoutManagers(object)))) tell(key);
      },
    },
    signal,
  );
  if (resyncMs > 0) void resync(deps, resyncMs, () => [...cache.list()].map(objectKey).forEach(tell), signal);
  return {
    get: (key) => cache.get(key),
    list: () => cache.list(),
    by: (index, value) => cache.by(index, value),
    get size() {
      return cache.size;
    },
    synced: synced.promise,
  };
}

async function resync(
  { clock }: FollowDependencies,
  everyMs: number,
  tellAll: () => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    try {
      await clock.sleep(everyMs, signal);
    } catch {
      return;
    }
    tellAll();
  }
}

/** Who set which field is more than half of an object's bytes, and nobody reads it here. */
function withoutManagers<T extends KubeObject>(object: T): T {
  const { managedFields: _, ...metadata } = object.metadata as T["metadata"] & {
    readonly managedFields?: unknown;
  };
  return { ...object, metadata };
}
