import type { Registry } from "@hanzo-fn/telemetry";
import type { Lag, Served } from "./kind.ts";

/** The figures of the event plane. */
export interface TriggerMetrics {
  /** Undefined where it could not be read: then there is no lag rather than one of 0. */
  lag(trigger: Served, lag: Lag | undefined): void;
  /** It is not looked at any more. */
  noLag(triggerId: string): void;
  call(trigger: Served, outcome: string): void;
  parked(trigger: Served, reason: string): void;
  /** Events that may be delivered again although they were delivered: nobody knows how far they came. */
  suspected(trigger: Served, events: number): void;
  /** Events that their source dropped, by its own limits, before they were delivered. */
  lost(trigger: Served, events: number): void;
  /** A run began for the first time, so many milliseconds after it was due. */
  late(lateMs: number): void;
  forget(triggerId: string): void;
}

const LABELS = ["function", "org", "trigger", "id"] as const;
/** Seconds. */
const LATENESS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3600] as const;

export function createTriggerMetrics(registry: Registry): TriggerMetrics {
  const seconds = registry.gauge("trigger_lag", "Age of the oldest undelivered event, in seconds", LABELS);
  const items = registry.gauge("trigger_lag_items", "Events that wait to be delivered", LABELS);
  const up = registry.gauge("trigger_lag_up", "Whether the lag of the trigger could be read", LABELS);
  const calls = registry.counter("trigger_attempts_total", "Deliveries by outcome", [...LABELS, "outcome"]);
  const parked = registry.counter("trigger_parked_total", "Events given up, by reason", [
    ...LABELS,
    "reason",
  ]);
  const suspected = registry.counter(
    "trigger_duplicates_suspected_total",
    "Events that may be delivered twice: who had them lost them while they ran, or before their end was recorded",
    LABELS,
  );
  const lost = registry.counter(
    "trigger_lost_total",
    "Events that their source dropped by its own limits before they were delivered",
    LABELS,
  );
  const lateness = registry.histogram(
    "cron_lateness_seconds",
    "From the time that a scheduled run was due to its first start",
    [],
    LATENESS,
  );
  const late = lateness.series();
  const labels = ({ function: fn, org, spec, id }: Served) => [fn, org, spec.type, id] as const;
  return {
    lag(trigger, lag) {
      up.series(...labels(trigger)).value = lag === undefined ? 0 : 1;
      if (lag === undefined) {
        for (const family of [seconds, items]) family.forget("id", trigger.id);
        return;
      }
      seconds.series(...labels(trigger)).value = lag.seconds;
      items.series(...labels(trigger)).value = lag.items;
    },
    noLag(triggerId) {
      for (const family of [seconds, items, up]) family.forget("id", triggerId);
    },
    call: (trigger, outcome) => void calls.series(...labels(trigger), outcome).value++,
    parked: (trigger, reason) => void parked.series(...labels(trigger), reason).value++,
    suspected: (trigger, events) => void (suspected.series(...labels(trigger)).value += events),
    lost: (trigger, events) => void (lost.series(...labels(trigger)).value += events),
    late: (lateMs) => lateness.observe(late, Math.max(0, lateMs) / 1000),
    forget(triggerId) {
      for (const family of [seconds, items, up, calls, parked, suspected, lost])
        family.forget("id", triggerId);
    },
  };
}
