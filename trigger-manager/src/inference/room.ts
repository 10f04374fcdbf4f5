import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Matched, Matches } from "./matches.ts";

/**
 * Matches that may wait for one trigger, so that one that is paused, or whose function fails, takes no room from the
 * others. Counted by each replica and looked up now and then: it may be overrun by a tenth for each of them.
 */
export interface Room {
  /** Whether there is room for another one, which then counts. Rejects where that cannot be told. */
  take(trigger: Matched, signal: AbortSignal): Promise<boolean>;
  /** Its queue is not as it was. */
  forget(triggerId: string): void;
}

export interface RoomOptions {
  /** Default 100,000. */
  readonly limit?: number | undefined;
}

interface Known {
  /** As it was looked up. */
  waiting: number;
  /** Since then. */
  taken: number;
  lookedAtMs: number;
}

const LIMIT = 100_000;
const SHARE = 0.1;
/** While there is no room it is looked again after so long. */
const AGAIN_MS = 1000;

/** A consumer that is not as it should be blocks its own trigger; its messages are kept all the same. */
function orConflict(error: unknown): void {
  if (!(error instanceof PlatformError) || error.code !== "conflict") throw error;
}

export function createRoom(
  deps: {
    readonly matches: Pick<Matches, "lags" | "bind">;
    readonly clock: Pick<Clock, "monotonic">;
    readonly log: Pick<Logger, "warn">;
  },
  { limit = LIMIT }: RoomOptions = {},
): Room {
  const { matches, clock, log } = deps;
  const known = new Map<string, Known>();
  const isStale = ({ waiting, taken, lookedAtMs }: Known): boolean =>
    waiting + taken >= limit ? clock.monotonic() - lookedAtMs >= AGAIN_MS : taken >= limit * SHARE;

  const look = async (trigger: Matched, signal: AbortSignal): Promise<Known> => {
    const lags = await matches.lags([trigger], signal).catch(() => undefined);
    const lag = lags?.get(trigger.id);
    // Nobody has opened it yet, or it was deleted: what is published to it is kept from now on.
    if (lag === undefined) await matches.bind(trigger, signal).catch(orConflict);
    const fresh = { waiting: lag?.items ?? 0, taken: 0, lookedAtMs: clock.monotonic() };
    known.set(trigger.id, fresh);
    if (fresh.waiting >= limit) {
      log.warn("too much waits for an inference trigger: its matches are given up until there is room", {
        ...{ trigger: trigger.id, org_id: trigger.org, function: trigger.function, waiting: fresh.waiting },
      });
    }
    return fresh;
  };
  return {
    async take(trigger, signal) {
      let one = known.get(trigger.id);
      if (one === undefined || isStale(one)) one = await look(trigger, signal);
      if (one.waiting + one.taken >= limit) return false;
      one.taken += 1;
      return true;
    },
    forget: (triggerId) => void known.delete(triggerId),
  };
}
