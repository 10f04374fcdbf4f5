import type { Execution } from "./evidence.ts";
import { keyOf, STREAM_TRIGGERS } from "./settings.ts";

/** `<prefix>:<topic>:<partition>:<offset>` */
export function placeOf(event: string) {
  const [, topic = "", partition = "", offset = ""] = event.split(":");
  return { topic, partition, offset: Number(offset) };
}

/** What keeps its order: the partition, or each key of it. */
function laneOf({ event, key }: Execution): string {
  const { topic, partition } = placeOf(event);
  const isByKey = STREAM_TRIGGERS.some((one) => one.topic === topic && one.ordering === "key");
  return [topic, partition, ...(isByKey ? [keyOf(Number(key))] : [])].join(" ");
}

/** Records that succeeded for the first time before one that lies before them in their lane did. */
export function outOfOrder(executions: readonly Execution[]): string[] {
  const wrong: string[] = [];
  const succeeded = executions.filter(({ outcome }) => outcome === "ok");
  for (const lane of Map.groupBy(succeeded, laneOf).values()) {
    let lastMs = 0;
    const byOffset = Map.groupBy(lane, ({ event }) => placeOf(event).offset);
    for (const [, all] of [...byOffset].toSorted(([a], [b]) => a - b)) {
      const firstMs = Math.min(...all.map(({ beganAtMs }) => beganAtMs));
      if (firstMs < lastMs) wrong.push(`${all[0]?.event} succeeded before what lies before it`);
      lastMs = Math.max(lastMs, firstMs);
    }
  }
  return wrong;
}
