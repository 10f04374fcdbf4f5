import { subjectMatches } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";

export interface Sleeper {
  /** Undefined while it is not known. */
  readonly consumerId: () => number | undefined;
  readonly stream: string;
  readonly subject: string;
  /** There may be something to pull. */
  readonly wake: () => void;
}

/** Wakes those who wait for messages of the platform's own queues: by notification, and by a look for what it missed. */
export interface Waker {
  /** Until what it returns is called. */
  join(sleeper: Sleeper): () => void;
}

/** For everything that no notification tells: leases that ended, delays of other replicas, notifications that were lost. */
const LOOK_MS = 2000;
/** In the place of subjects that are too many to name. */
const ANY = ">";

export function createWaker(
  store: Pick<Store, "mq" | "onMqPublished">,
  clock: Clock,
  signal: AbortSignal,
): Waker {
  const sleepers = new Set<Sleeper>();
  let isLooking = false;
  let isListening = false;

  const wakeAll = (isMeant: (sleeper: Sleeper) => boolean): void => {
    for (const sleeper of sleepers) if (isMeant(sleeper)) sleeper.wake();
  };
  const listen = (): void => {
    isListening = true;
    const handlers = {
      onPublished: (stream: string, subjects: readonly string[]) =>
        wakeAll(
          (sleeper) =>
            sleeper.stream === stream &&
            subjects.some((subject) => subject === ANY || subjectMatches(sleeper.subject, subject)),
        ),
      onResync: () => wakeAll(() => true),
    };
    store.onMqPublished(handlers, signal);
  };
  const look = async (): Promise<void> => {
    const ids = new Set<number>();
    for (const { consumerId } of sleepers) {
      const id = consumerId();
      if (id !== undefined) ids.add(id);
    }
    // A database that is away says so to whoever pulls.
    const ready = new Set(await store.mq.ready([...ids]).catch(() => [...ids]));
    wakeAll(({ consumerId }) => ready.has(consumerId() ?? -1));
  };
  const keepLooking = async (): Promise<void> => {
    isLooking = true;
    try {
      while (sleepers.size > 0) {
        await clock.sleep(LOOK_MS, signal);
        await look();
      }
    } finally {
      isLooking = false;
    }
  };
  return {
    join(sleeper) {
      if (!isListening) listen();
      sleepers.add(sleeper);
      if (!isLooking) keepLooking().catch(() => {});
      return () => void sleepers.delete(sleeper);
    },
  };
}
