import type { NatsConnected, NatsLink } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";

/**
 * Round trips to the server, which prove two things: what was sent before one began has arrived, and what is received
 * after one has ended was sent after it began. The second is how old an event can be that was just received: a process
 * that stood still finds events in its socket that were given to others long ago.
 */
export interface Pulse {
  /** Resolves once everything that was sent has arrived; rejects where that is not certain. */
  arrived(signal: AbortSignal): Promise<void>;
  /** Monotonic milliseconds: what is received now was sent after this. */
  readonly provenAtMs: number;
  /** Keeps `provenAtMs` fresh until the signal aborts. */
  keep(signal: AbortSignal): void;
}

const ANSWER_MS = 5000;
/** There are many trips: a reason of its own for each end would cost more than the trip. */
const DONE = new Error("the server has answered");

/**
 * @param everyMs between two that are made for nobody in particular: so old an event may be that was just received
 */
export function createPulse(link: NatsLink, clock: Clock, everyMs: number): Pulse {
  let provenAtMs = Number.NEGATIVE_INFINITY;
  /** One under way, and one that everybody waits for who sent something after it began. */
  let running: Promise<void> | undefined;
  let next: Promise<void> | undefined;
  let keepers = 0;
  let beating: AbortController | undefined;

  const trip = async (): Promise<void> => {
    const over = new AbortController();
    const late = clock.sleep(ANSWER_MS, over.signal).then(() => {
      throw new Error(`NATS did not answer within ${ANSWER_MS / 1000} s`);
    });
    late.catch(() => {});
    let beganAtMs = provenAtMs;
    const there = async (): Promise<void> => {
      const connected: NatsConnected = await link.connected();
      await connected.whenUp();
      beganAtMs = clock.monotonic();
      await connected.whileUp(() => connected.connection.flush());
    };
    try {
      await Promise.race([there(), late]);
    } finally {
      over.abort(DONE);
    }
    provenAtMs = Math.max(provenAtMs, beganAtMs);
  };
  const follow = async (): Promise<void> => {
    await running?.catch(() => {});
    // What else is sent in this turn goes along.
    await Promise.resolve();
    next = undefined;
    running = trip();
    try {
      await running;
    } finally {
      running = undefined;
    }
  };
  const beat = async (signal: AbortSignal): Promise<void> => {
    while (!signal.aborted) {
      await (next ??= follow()).catch(() => {});
      await clock.sleep(everyMs, signal).catch(() => {});
    }
  };
  const leave = (): void => {
    keepers -= 1;
    if (keepers > 0) return;
    beating?.abort();
    beating = undefined;
  };
  return {
    async arrived(signal) {
      signal.throwIfAborted();
      await (next ??= follow());
    },
    get provenAtMs() {
      return provenAtMs;
    },
    keep(signal) {
      if (signal.aborted) return;
      keepers += 1;
      signal.addEventListener("abort", leave, { once: true });
      if (beating !== undefined) return;
      beating = new AbortController();
      void beat(beating.signal);
    },
  };
}
