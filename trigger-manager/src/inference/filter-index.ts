import type { InferenceTrigger } from "@hanzo-fn/contract";
import { compileTrigger, type EventTest } from "./compile-filter.ts";
import { plainOrg, type UsageEvent } from "./usage-event.ts";

export interface FilteredTrigger {
  readonly id: string;
  readonly org: string;
  /** It sees the events of every organisation. */
  readonly allOrgs: boolean;
  readonly trigger: InferenceTrigger;
}

/** All inference triggers, so that a record is looked at once and not once for each. */
export interface FilterIndex {
  /** Ids of the triggers that want the event. An event without an organisation is wanted by those of all alone. */
  match(event: UsageEvent): string[];
}

interface Wanted {
  readonly id: string;
  readonly test: EventTest;
}

/** By model; triggers that name none are under `undefined`. */
type ByModel = Map<string | undefined, Wanted[]>;

/** Events of a model and of an organisation meet only the triggers that ask for both. */
export function createFilterIndex(triggers: readonly FilteredTrigger[]): FilterIndex {
  const byOrg = new Map<string | undefined, ByModel>();
  for (const { id, org, allOrgs, trigger } of triggers) {
    const key = allOrgs ? undefined : plainOrg(org);
    const byModel: ByModel = byOrg.get(key) ?? new Map<string | undefined, Wanted[]>();
    byOrg.set(key, byModel);
    const wanted = { id, test: compileTrigger(trigger) };
    for (const model of new Set(trigger.models ?? [undefined])) {
      const list = byModel.get(model);
      if (list === undefined) byModel.set(model, [wanted]);
      else list.push(wanted);
    }
  }
  const collect = (byModel: ByModel | undefined, event: UsageEvent, found: string[]): void => {
    if (byModel === undefined) return;
    const model = event.fields.get("model") as string | undefined;
    for (const key of model === undefined ? [undefined] : [model, undefined]) {
      for (const { id, test } of byModel.get(key) ?? []) if (test(event)) found.push(id);
    }
  };
  return {
    match(event) {
      const found: string[] = [];
      if (event.org !== undefined) collect(byOrg.get(event.org), event, found);
      collect(byOrg.get(undefined), event, found);
      return found;
    },
  };
}
