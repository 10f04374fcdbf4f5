import { type Backoff, backoffDelay, type Clock, type Service } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { StreamBroker } from "../stream/broker.ts";
import type { Changes } from "./changes.ts";
import type { InferenceMetrics } from "./metrics.ts";
import type { Positions, TopicPlace } from "./positions.ts";
import type { Reading } from "./reading.ts";
import type { TriggerSet } from "./trigger-set.ts";

export interface TeeDependencies {
  readonly changes: Changes;
  readonly broker: Pick<StreamBroker, "lag" | "removeGroup">;
  readonly positions: Pick<Positions, "forget">;
  readonly set: TriggerSet;
  /** Joins the group. */
  readonly open: (signal: AbortSignal) => Promise<Reading>;
  /** Why matches are not handed on at the moment. */
  readonly refused: () => string | undefined;
  readonly metrics: Pick<InferenceMetrics, "lag">;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * Reads the topic once for all triggers, and moves on when what they want of it is kept in their queues. Any number of
 * replicas share its partitions. While there is no trigger nothing is read, and the group is removed.
 */
export interface Tee extends Service {
  /** Why no matches come; undefined where all is well. */
  readonly blocked: string | undefined;
}

const AGAIN: Backoff = { initialMs: 500, factor: 2, maxMs: 15_000 };
const LAG_EVERY_MS = 10_000;
/** What was read when the tee is to stop is handed on within this, or read again. */
const FINISH_MS = 2000;

export function createTee(deps: TeeDependencies, place: TopicPlace): Tee {
  const { changes, broker, positions, set, metrics, clock, log } = deps;
  const stopping = new AbortController();
  const cutting = new AbortController();
  let reading: Reading | undefined;
  let failure: string | undefined;
  let loops: Promise<unknown> | undefined;

  /** Its pulls end when there is no trigger any more. */
  const whileWanted = async (signal: AbortSignal, end: AbortController): Promise<void> => {
    while (!signal.aborted && set.size > 0) await changes.next(signal);
    end.abort(new Error("there is no inference trigger any more"));
  };
  const leave = async (): Promise<void> => {
    try {
      await broker.removeGroup(place, stopping.signal);
      await positions.forget(stopping.signal);
    } catch (error) {
      // Others still read; the last one removes it. Or nobody does: the next trigger then begins where it wants all the same.
      log.debug("the group of inference triggers was not removed", { error });
    }
  };
  const read = async (): Promise<void> => {
    const { signal } = stopping;
    reading = await deps.open(signal);
    failure = undefined;
    const end = new AbortController();
    const over = new AbortController();
    const watching = whileWanted(AbortSignal.any([signal, over.signal]), end);
    try {
      await reading.run({
        pulling: AbortSignal.any([signal, end.signal]),
        handing: cutting.signal,
      });
    } catch (error) {
      if (!signal.aborted && !end.signal.aborted) throw error;
    } finally {
      over.abort();
      await watching;
      const old = reading;
      reading = undefined;
      await old.stop();
    }
    if (set.size === 0 && !signal.aborted) await leave();
  };
  const run = async (): Promise<void> => {
    const { signal } = stopping;
    for (let failures = 1; !signal.aborted;) {
      try {
        await set.refresh(signal);
        if (set.size === 0) await changes.next(signal);
        else await read();
        failures = 1;
      } catch (error) {
        if (signal.aborted) return;
        failure = error instanceof Error ? error.message : String(error);
        log.warn("inference triggers do not get their events", { error, ...place });
        await clock.sleep(backoffDelay(AGAIN, failures++), signal).catch(() => {});
      }
    }
  };
  const watchLag = async (): Promise<void> => {
    const { signal } = stopping;
    while (!signal.aborted) {
      const isRead = reading !== undefined;
      metrics.lag(isRead ? await broker.lag(place, signal).catch(() => undefined) : undefined);
      await clock.sleep(LAG_EVERY_MS, signal).catch(() => {});
    }
  };
  return {
    name: "inference",
    get blocked() {
      return failure ?? deps.refused() ?? reading?.blocked;
    },
    start() {
      if (loops === undefined) {
        changes.watch(stopping.signal);
        loops = Promise.all([run(), watchLag()]);
      }
      return Promise.resolve();
    },
    async stop() {
      stopping.abort(new Error("the tee is stopping"));
      const cut = new AbortController();
      const late = clock.sleep(FINISH_MS, cut.signal).then(
        () => cutting.abort(new Error("the tee is stopping")),
        () => {},
      );
      await loops;
      cut.abort();
      await late;
    },
  };
}
