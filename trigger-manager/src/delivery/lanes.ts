import type { Held } from "./held.ts";
import { chooseLane } from "./lane-choice.ts";
import type { DeliverySettings } from "./settings.ts";

/** Events that go into one call. */
export interface Unit {
  readonly events: readonly Held[];
  /** Not before; monotonic milliseconds. */
  readonly dueAtMs: number;
  /** What waits for it. */
  readonly lanes: readonly Lane[];
}

interface Lane {
  readonly key: string | undefined;
  readonly group: Group;
  /** Not in a unit yet, oldest first. */
  readonly fresh: Held[];
  /** In their order; while there is one, the fresh events wait. */
  readonly units: Unit[];
  running: Unit | undefined;
}

interface Group {
  readonly name: string;
  /** Lanes whose fresh events wait for nothing but company, in the order in which they became so. */
  readonly open: Set<Lane>;
  events: number;
  bytes: number;
}

/** What waits in the loop: who goes next, with whom, and when. Pure: time is an argument. */
export interface Lanes {
  add(events: readonly Held[]): void;
  /** The next unit that may run; it runs from now on. */
  take(now: number): Unit | undefined;
  /** A unit that ran is over; these of its events are tried again, before all that waits for them. */
  finish(unit: Unit, again: readonly { readonly events: readonly Held[]; readonly dueAtMs: number }[]): void;
  /** Takes out what waits and is of this kind. */
  remove(isMeant: (event: Held) => boolean): readonly Held[];
  /** When `take` may have something that it has not now; undefined where only a finish or an addition helps. */
  nextAt(now: number): number | undefined;
  /** Fresh events that wait for company. */
  readonly open: number;
  readonly size: number;
}

export type LaneSettings = Pick<
  DeliverySettings,
  "ordering" | "batchSize" | "maxBatchBytes" | "maxBatchWaitMs"
>;

const insertByDue = (units: Unit[], unit: Unit): void => {
  const at = units.findLastIndex((other) => other.dueAtMs <= unit.dueAtMs);
  units.splice(at + 1, 0, unit);
};

export function createLanes(settings: LaneSettings): Lanes {
  const { ordering, batchSize, maxBatchBytes, maxBatchWaitMs } = settings;
  const lanes = new Map<string, Lane>();
  const groups = new Map<string, Group>();
  /** Units that do not run, the earliest first. */
  const waiting: Unit[] = [];
  let size = 0;
  let open = 0;

  const isBusy = (lane: Lane): boolean =>
    lane.key !== undefined && (lane.running !== undefined || lane.units.length > 0);
  const laneOf = (event: Held): Lane => {
    const choice = chooseLane(ordering, event.event);
    const id = choice.lane === undefined ? choice.group : `${choice.group}\n${choice.lane}`;
    let lane = lanes.get(id);
    if (lane !== undefined) return lane;
    const group = groups.get(choice.group) ?? { name: choice.group, open: new Set(), events: 0, bytes: 0 };
    groups.set(choice.group, group);
    lane = {
      key: choice.lane === undefined ? undefined : id,
      group,
      fresh: [],
      units: [],
      running: undefined,
    };
    lanes.set(id, lane);
    return lane;
  };
  const count = (group: Group, events: readonly Held[], sign: 1 | -1): void => {
    open += sign * events.length;
    group.events += sign * events.length;
    for (const event of events) group.bytes += sign * event.bytes;
  };
  const close = (lane: Lane): void => {
    if (lane.group.open.delete(lane)) count(lane.group, lane.fresh, -1);
  };
  /** Opens a lane that waits for nothing any more; forgets one that is empty. */
  const review = (lane: Lane): void => {
    if (isBusy(lane) || lane.group.open.has(lane)) return;
    if (lane.fresh.length > 0) {
      lane.group.open.add(lane);
      count(lane.group, lane.fresh, 1);
    } else if (lane.key !== undefined) {
      lanes.delete(lane.key);
      if (ordering === "partition") groups.delete(lane.group.name);
    }
  };
  const oldestAt = (group: Group): number => {
    let oldest = Number.POSITIVE_INFINITY;
    for (const { fresh } of group.open) oldest = Math.min(oldest, fresh[0]?.pulledAtMs ?? oldest);
    return oldest;
  };
  const isFull = (group: Group): boolean => group.events >= batchSize || group.bytes >= maxBatchBytes;

  const start = (unit: Unit): Unit => {
    for (const lane of unit.lanes) {
      close(lane);
      lane.running = unit;
    }
    size -= unit.events.length;
    return unit;
  };
  const takeWaiting = (now: number): Unit | undefined => {
    for (const [i, unit] of waiting.entries()) {
      if (unit.dueAtMs > now) return undefined;
      if (!isNext(unit)) continue;
      waiting.splice(i, 1);
      for (const lane of unit.lanes) lane.units.shift();
      return start(unit);
    }
    return undefined;
  };
  const isNext = (unit: Unit): boolean =>
    unit.lanes.every((lane) => lane.running === undefined && lane.units[0] === unit);
  const takeFresh = (now: number, group: Group): Unit => {
    const events: Held[] = [];
    const taken: Lane[] = [];
    let bytes = 0;
    for (const lane of group.open) {
      let n = 0;
      for (const event of lane.fresh) {
        if (events.length === batchSize || (events.length > 0 && bytes + event.bytes > maxBatchBytes)) break;
        events.push(event);
        bytes += event.bytes;
        n += 1;
      }
      if (n === 0) break;
      count(group, lane.fresh.splice(0, n), -1);
      if (lane.key !== undefined) taken.push(lane);
      else if (lane.fresh.length === 0) group.open.delete(lane);
    }
    return start({ events, dueAtMs: now, lanes: taken });
  };

  return {
    add(events) {
      for (const event of events) {
        const lane = laneOf(event);
        lane.fresh.push(event);
        if (lane.group.open.has(lane)) count(lane.group, [event], 1);
        else review(lane);
      }
      size += events.length;
    },
    take(now) {
      const unit = takeWaiting(now);
      if (unit !== undefined) return unit;
      for (const group of groups.values()) {
        if (group.open.size === 0) continue;
        if (!isFull(group) && oldestAt(group) + maxBatchWaitMs > now) continue;
        // To the end of the line: a partition that is always full leaves its turn to the others.
        groups.delete(group.name);
        groups.set(group.name, group);
        return takeFresh(now, group);
      }
      return undefined;
    },
    finish(unit, again) {
      for (const lane of unit.lanes) lane.running = undefined;
      const units = again.map(({ events, dueAtMs }): Unit => {
        const own = new Set(events.map(laneOf).filter((lane) => lane.key !== undefined));
        return { events, dueAtMs, lanes: [...own] };
      });
      for (const next of units.toReversed()) for (const lane of next.lanes) lane.units.unshift(next);
      for (const next of units) {
        insertByDue(waiting, next);
        size += next.events.length;
      }
      for (const lane of unit.lanes) review(lane);
    },
    remove(isMeant) {
      const removed: Held[] = [];
      const left = (events: readonly Held[]): Held[] =>
        events.filter((event) => !(isMeant(event) && removed.push(event) > 0));
      for (const unit of waiting.splice(0)) {
        const events = left(unit.events);
        const changed: Unit = { ...unit, events };
        if (events.length > 0) insertByDue(waiting, changed);
        for (const lane of unit.lanes) {
          if (events.length > 0) lane.units.splice(lane.units.indexOf(unit), 1, changed);
          else lane.units.splice(lane.units.indexOf(unit), 1);
        }
      }
      for (const lane of [...lanes.values()]) {
        close(lane);
        lane.fresh.splice(0, lane.fresh.length, ...left(lane.fresh));
        review(lane);
      }
      size -= removed.length;
      return removed;
    },
    nextAt(now) {
      let at = Number.POSITIVE_INFINITY;
      const unit = waiting.find((one) => isNext(one));
      if (unit !== undefined) at = unit.dueAtMs;
      for (const group of groups.values()) {
        if (group.open.size === 0) continue;
        at = Math.min(at, isFull(group) ? now : oldestAt(group) + maxBatchWaitMs);
      }
      return at === Number.POSITIVE_INFINITY ? undefined : at;
    },
    get open() {
      return open;
    },
    get size() {
      return size;
    },
  };
}
