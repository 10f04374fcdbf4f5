import type { Budget } from "./budget.ts";
import { hold, type Held } from "./held.ts";
import type { Revocation, SourceEvent } from "./source.ts";

export interface Added {
  readonly events: readonly Held[];
  /** Some of them replace older copies, which are lost. */
  readonly replaced: boolean;
}

/** All that the loop has of its source: what waits, what runs, and what is being settled. */
export interface Holdings {
  /** An event that is here already was taken away from us unheard: its older copy is lost from now on. */
  add(events: readonly SourceEvent[], now: number): Added;
  /** They are settled, or somebody else's. */
  drop(events: Iterable<Held>): void;
  /** Marks what is not ours any more; those of them that were ours until now. */
  revoke(revocation: Revocation): readonly Held[];
  /** What is still ours. */
  ours(): readonly SourceEvent[];
  /** Events of a partition, wherever they are. */
  of(partition: string): number;
  readonly size: number;
}

export function createHoldings(budget: Budget): Holdings {
  const held = new Map<SourceEvent, Held>();
  /** The newest copy. */
  const byId = new Map<string, Held>();
  const partitions = new Map<string, number>();
  /** Taken away again between the source's answer and our hearing it. */
  const lostEarly = new WeakSet<SourceEvent>();
  const count = (partition: string, by: number): void => {
    const left = (partitions.get(partition) ?? 0) + by;
    if (left === 0) partitions.delete(partition);
    else partitions.set(partition, left);
  };
  return {
    add(events, now) {
      let replaced = false;
      const fresh = events.filter((event) => !lostEarly.has(event));
      const added = fresh.map((event) => {
        const older = byId.get(event.id);
        if (older !== undefined) {
          older.lost = true;
          replaced = true;
        }
        // It has waited since its first copy came: otherwise it could be replaced for ever.
        const one = hold(event, now, older?.pulledAtMs ?? now);
        held.set(event, one);
        byId.set(event.id, one);
        count(event.partition, 1);
        budget.addBytes(one.bytes);
        return one;
      });
      return { events: added, replaced };
    },
    drop(events) {
      let bytes = 0;
      for (const one of events) {
        if (!held.delete(one.event)) continue;
        if (byId.get(one.id) === one) byId.delete(one.id);
        count(one.event.partition, -1);
        bytes += one.bytes;
      }
      if (bytes > 0) budget.addBytes(-bytes);
    },
    revoke({ events }) {
      const lost: Held[] = [];
      for (const event of events) {
        const one = held.get(event);
        if (one === undefined) lostEarly.add(event);
        if (one === undefined || one.lost) continue;
        one.lost = true;
        lost.push(one);
      }
      return lost;
    },
    ours: () => [...held.values()].filter(({ lost }) => !lost).map(({ event }) => event),
    of: (partition) => partitions.get(partition) ?? 0,
    get size() {
      return held.size;
    },
  };
}
