import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { type DeliveriesDependencies, type Opened, openDelivery } from "./deliveries.ts";
import type { Notes } from "./notes.ts";
import type { Wanted } from "./plan.ts";

export interface RegistryDependencies extends DeliveriesDependencies {
  readonly clock: Clock;
  readonly log: Logger;
  readonly notes: Pick<Notes, "add">;
}

/** The deliveries of this replica: one per trigger, as wished last. */
export interface DeliveryRegistry {
  /**
   * Opens, closes and reopens until the deliveries of this function are the wanted ones, and no others. What runs ends
   * on its own; what has to wait for it is opened when asked again, once `changed` says so.
   */
  apply(key: string, wanted: readonly Wanted[], signal: AbortSignal): Promise<void>;
  /** Whether anything of this trigger still runs here. */
  isOpen(triggerId: string): boolean;
  /** Functions with deliveries. */
  keys(): Set<string>;
  open(): Iterable<Opened>;
  closeAll(graceMs: number): Promise<void>;
}

interface Entry {
  readonly key: string;
  readonly opened: Opened;
}

/**
 * @param changed a delivery of this function has ended
 */
export function createDeliveryRegistry(
  deps: RegistryDependencies,
  changed: (key: string) => void,
): DeliveryRegistry {
  const running = new Map<string, Entry>();
  /** Drains of deliveries that are not wanted any more, by trigger. */
  const closing = new Map<string, Set<Opened>>();

  const close = (id: string, { key, opened }: Entry): void => {
    running.delete(id);
    const others = closing.get(id) ?? new Set();
    closing.set(id, others.add(opened));
    const done = (): void => {
      others.delete(opened);
      if (others.size === 0) closing.delete(id);
      changed(key);
    };
    // It ends when its calls do: each has a deadline of its own.
    const { deadlineMs } = opened.wanted.settings;
    opened
      .close(deadlineMs)
      .catch((error: unknown) => deps.log.error("a trigger was not closed in order", { error, trigger: id }))
      .finally(done);
  };
  return {
    async apply(key, wanted, signal) {
      const words = new Map(wanted.map((one) => [one.trigger.id, one.words]));
      for (const [id, entry] of [...running]) {
        if (entry.key === key && entry.opened.wanted.words !== words.get(id)) close(id, entry);
      }
      for (const one of wanted) {
        const { id } = one.trigger;
        if (running.has(id)) continue;
        // Where there is an order, the new delivery begins where the old one has ended.
        if (one.settings.ordering !== "none" && closing.has(id)) continue;
        const opened = await openDelivery(deps, one, signal);
        running.set(id, { key, opened });
      }
    },
    isOpen: (id) => running.has(id) || closing.has(id),
    keys: () => new Set([...running.values()].map(({ key }) => key)),
    *open() {
      for (const { opened } of running.values()) yield opened;
    },
    async closeAll(graceMs) {
      const draining = [...closing.values()].flatMap((set) => [...set]);
      const all = [...draining, ...[...running.values()].map(({ opened }) => opened)];
      running.clear();
      await Promise.all(all.map((opened) => opened.close(graceMs)));
    },
  };
}
