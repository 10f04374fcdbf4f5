import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Lag, Served, TriggerKind } from "./kind.ts";
import type { TriggerMetrics } from "./metrics.ts";
import type { Kinds } from "./plan.ts";

export interface LagDependencies {
  readonly kinds: Kinds;
  readonly served: () => Iterable<Served>;
  readonly lagOf: (kind: TriggerKind, triggers: readonly Served[]) => Promise<ReadonlyMap<string, Lag>>;
  readonly metrics: Pick<TriggerMetrics, "lag" | "noLag">;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Pick<Logger, "warn">;
}

const EVERY_MS = 10_000;
const AT_ONCE = 1000;

/** Keeps the gauges of lag true, or absent, until the signal aborts. */
export async function watchLag(deps: LagDependencies, signal: AbortSignal): Promise<void> {
  const { kinds, served, lagOf, metrics, clock, log } = deps;
  const look = async (kind: TriggerKind, triggers: readonly Served[]): Promise<void> => {
    const found = await lagOf(kind, triggers).catch((error: unknown) => {
      if (!signal.aborted) log.warn("the lag of triggers could not be read", { error, type: kind.type });
      return new Map<string, Lag>();
    });
    for (const trigger of triggers) metrics.lag(trigger, found.get(trigger.id));
  };
  let shown = new Set<string>();
  while (!signal.aborted) {
    const triggers = [...served()];
    const ids = new Set(triggers.map(({ id }) => id));
    for (const id of shown.difference(ids)) metrics.noLag(id);
    shown = ids;
    const all = Map.groupBy(triggers, ({ spec }) => spec.type as string);
    for (const [type, triggers] of all) {
      const kind = kinds.get(type);
      if (kind === undefined) continue;
      for (let i = 0; i < triggers.length; i += AT_ONCE) {
        await look(kind, triggers.slice(i, i + AT_ONCE));
      }
    }
    await clock.sleep(EVERY_MS, signal).catch(() => {});
  }
}
