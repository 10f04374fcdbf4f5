import type { TaskQueries, TaskRow } from "@hanzo-fn/store";
import type { Pace } from "../pace.ts";

/** Where tasks of one function wait. */
export interface Lane {
  readonly org: string;
  readonly function: string;
}

/** No organisation or function has a slash in its name. */
export const laneKey = ({ org, function: fn }: Lane): string => `${org}/${fn}`;

export interface ClaimsDependencies {
  readonly tasks: Pick<TaskQueries, "claim" | "release">;
  /** Of this process, in every lease. */
  readonly owner: string;
  readonly leaseMs: number;
  /** Of statements that claim. */
  readonly pace: Pace;
}

/** One lane's part of the claims. */
export interface LaneClaims {
  /** Resolves with tasks as soon as there are any; rejects with the signal's reason, and takes none then. */
  pull(limit: number, signal: AbortSignal): Promise<readonly TaskRow[]>;
}

/**
 * Takes tasks for all lanes of this process: those that want some and may have some share a statement. One statement
 * at a time, so that what comes while it runs is in the next one.
 */
export interface Claims {
  of(lane: Lane): LaneClaims;
  /** Tasks may wait in the lane. */
  wake(lane: Lane): void;
  /** Nothing is known to wait in the lane. */
  isQuiet(lane: Lane): boolean;
}

interface Wanted {
  readonly lane: Lane;
  readonly limit: number;
  readonly signal: AbortSignal;
  readonly result: PromiseWithResolvers<readonly TaskRow[]>;
}

/** Of one lane, and of all, in one statement: rows come with their bodies. */
const MAX_OF_LANE = 64;
const MAX_OF_ALL = 128;

export function createClaims({ tasks, owner, leaseMs, pace }: ClaimsDependencies): Claims {
  const wanted = new Map<string, Wanted>();
  /** Lanes in which tasks may wait. */
  const awake = new Set<string>();
  let claiming = false;

  /** False where the lane does not ask for this any more. */
  const takeBack = (want: Wanted): boolean => {
    const key = laneKey(want.lane);
    return wanted.get(key) === want && wanted.delete(key);
  };
  const hand = (rows: readonly TaskRow[], asked: readonly Wanted[]): void => {
    const byLane = Map.groupBy(rows, laneKey);
    for (const want of asked) {
      const key = laneKey(want.lane);
      const own = byLane.get(key) ?? [];
      // There may be more than were asked for.
      if (own.length >= want.limit || rows.length >= MAX_OF_ALL) awake.add(key);
      if (own.length === 0) continue;
      if (takeBack(want)) want.result.resolve(own);
      // Nobody wants them any more; where this fails their leases end by themselves.
      else void tasks.release(own).catch(() => {});
    }
  };
  const claim = async (): Promise<void> => {
    const rest = pace();
    if (rest !== undefined) await rest;
    const asked = [...wanted.values()].filter(({ lane }) => awake.delete(laneKey(lane)));
    if (asked.length === 0) return;
    try {
      const lanes = asked.map(({ lane: { org, function: fn }, limit }) => ({ org, function: fn, limit }));
      hand(await tasks.claim({ owner, leaseMs, limit: MAX_OF_ALL, lanes }), asked);
    } catch (error) {
      for (const want of asked) {
        awake.add(laneKey(want.lane));
        if (takeBack(want)) want.result.reject(error);
      }
    }
  };
  const pump = (): void => {
    if (claiming) return;
    if (![...wanted.keys()].some((key) => awake.has(key))) return;
    claiming = true;
    void claim().finally(() => {
      claiming = false;
      pump();
    });
  };
  return {
    of: (lane) => ({
      pull(limit, signal) {
        signal.throwIfAborted();
        const key = laneKey(lane);
        const want: Wanted = {
          ...{ lane, signal },
          limit: Math.min(limit, MAX_OF_LANE),
          result: Promise.withResolvers(),
        };
        wanted.set(key, want);
        const onAbort = (): void => {
          takeBack(want);
          want.result.reject(signal.reason as Error);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        pump();
        return want.result.promise.finally(() => signal.removeEventListener("abort", onAbort));
      },
    }),
    wake(lane) {
      awake.add(laneKey(lane));
      pump();
    },
    isQuiet: (lane) => !awake.has(laneKey(lane)),
  };
}
