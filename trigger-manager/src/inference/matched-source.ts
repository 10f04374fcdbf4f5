import type { Settlement, Source, SourceEvent } from "../delivery/index.ts";
import { recordOf } from "./match-message.ts";

/**
 * The matches of one trigger as events of the topic. Events are leases, and settlements are counted by the object, so
 * each is translated into the same one however often it passes.
 * @param waitsFor why there are no matches, where that is for somebody to mend
 */
export function createMatchedSource(
  inner: Source,
  topic: string,
  waitsFor: () => string | undefined,
): Source {
  const inners = new WeakMap<SourceEvent, SourceEvent>();
  const outers = new WeakMap<SourceEvent, SourceEvent>();
  const translated = new WeakMap<Settlement, Settlement>();

  const outerOf = (event: SourceEvent): SourceEvent => {
    const outer = recordOf(event, topic);
    inners.set(outer, event);
    outers.set(event, outer);
    return outer;
  };
  const innerOf = (event: SourceEvent): SourceEvent => inners.get(event) ?? event;
  const translate = (settlement: Settlement): Settlement => {
    const known = translated.get(settlement) ?? { ...settlement, event: innerOf(settlement.event) };
    translated.set(settlement, known);
    return known;
  };
  return {
    extendEveryMs: inner.extendEveryMs,
    redelivers: inner.redelivers,
    get blocked() {
      return inner.blocked ?? waitsFor();
    },
    pull: async (credit, signal) => (await inner.pull(credit, signal)).map(outerOf),
    extend: (events, signal) => inner.extend(events.map(innerOf), signal),
    settle: (settlements, signal) => inner.settle(settlements.map(translate), signal),
    onRevoked(listener) {
      inner.onRevoked(({ events, cut }) =>
        listener({ events: events.flatMap((event) => outers.get(event) ?? []), cut }),
      );
    },
  };
}
