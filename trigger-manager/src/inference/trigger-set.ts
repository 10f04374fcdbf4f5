import type { InferenceTrigger } from "@hanzo-fn/contract";
import type { Store, TriggerRow } from "@hanzo-fn/store";
import { createFilterIndex, type FilterIndex } from "./filter-index.ts";
import type { Matched } from "./matches.ts";
import type { Positions } from "./positions.ts";
import { isWanted, type Starts } from "./starts.ts";
import type { UsageEvent } from "./usage-event.ts";

export interface TriggerSetDependencies {
  readonly store: Pick<Store, "triggers" | "streamOffsets">;
  readonly positions: Pick<Positions, "now" | "pin" | "pinned">;
  /** An organisation that sees the events of all others. */
  readonly seesAll: (org: string) => boolean;
}

/** All inference triggers of the deployment, whatever their state, but for those that are being deleted. */
export interface TriggerSet {
  readonly size: number;
  has(triggerId: string): boolean;
  /** Of each trigger. */
  starts(): readonly Starts[];
  /**
   * Looks whether they are others by now. Called after records were read and before they are judged, so that a trigger
   * sees every record that was published after its deploy was answered, whoever reads it.
   */
  refresh(signal: AbortSignal): Promise<void>;
  /** The log may be another one: starts in it are looked at again. */
  doubt(): void;
  /** Those that want the record. */
  wanting(event: UsageEvent, partition: number, offset: number): readonly Matched[];
}

interface Current {
  readonly signature: string | undefined;
  readonly byId: ReadonlyMap<string, Matched>;
  readonly index: FilterIndex;
  readonly starts: ReadonlyMap<string, Starts>;
  readonly ends: Starts;
}

function matchedOf({ id, org, function: fn, spec }: TriggerRow): Matched {
  return { id, org, function: fn, spec: spec as unknown as InferenceTrigger };
}

const NONE: Current = {
  signature: undefined,
  byId: new Map(),
  index: createFilterIndex([]),
  starts: new Map(),
  ends: new Map(),
};

export function createTriggerSet({ store, positions, seesAll }: TriggerSetDependencies): TriggerSet {
  let current = NONE;
  let last: Promise<void> = Promise.resolve();

  /** One that was recorded while another broker was configured, for example, begins now. */
  const pinAll = async (triggers: readonly Matched[], ends: Starts): Promise<ReadonlyMap<string, Starts>> => {
    const pinned = await positions.pinned();
    const late = triggers.filter(({ id }) => !pinned.has(id));
    if (late.length === 0) return pinned;
    for (const { id } of late) await positions.pin(store.streamOffsets, id, ends);
    return positions.pinned();
  };
  const load = async (signature: string, signal: AbortSignal): Promise<Current> => {
    const triggers = (await store.triggers.live("inference")).map(matchedOf);
    if (triggers.length === 0) return { ...NONE, signature };
    const ends = await positions.now(signal);
    const starts = await pinAll(triggers, ends);
    const filtered = triggers.map(({ id, org, spec }) => {
      return { id, org, allOrgs: seesAll(org), trigger: spec };
    });
    const byId = new Map(triggers.map((trigger) => [trigger.id, trigger]));
    return { signature, byId, index: createFilterIndex(filtered), starts, ends };
  };
  return {
    get size() {
      return current.byId.size;
    },
    has: (triggerId) => current.byId.has(triggerId),
    starts: () => [...current.byId.keys()].map((id) => current.starts.get(id) ?? new Map<number, number>()),
    refresh(signal) {
      // One after the other: an older look that ends later must not undo a newer one.
      const next = last.then(async () => {
        const signature = await store.triggers.liveSignature("inference");
        if (signature !== current.signature) current = await load(signature, signal);
      });
      last = next.catch(() => {});
      return next;
    },
    doubt() {
      current = { ...current, signature: undefined };
    },
    wanting(event, partition, offset) {
      const { byId, index, starts, ends } = current;
      return index.match(event).flatMap((id) => {
        const trigger = byId.get(id);
        return trigger !== undefined && isWanted(starts.get(id), ends, partition, offset) ? [trigger] : [];
      });
    },
  };
}
