import { asyncPart } from "./events/async.ts";
import { cronPart } from "./events/cron.ts";
import { mqPart, streamPart } from "./events/delivery.ts";
import { idlePart } from "./events/idle.ts";
import type { EventsPart } from "./events/part.ts";
import { machine, requireQuiet } from "./machine.ts";
import type { Row, Suite, SuiteOptions, SuiteResult, Target } from "./suite.ts";

/** In the order of the table. */
const PARTS: readonly EventsPart[] = [asyncPart, cronPart, mqPart, streamPart, idlePart];

async function run(signal: AbortSignal, options: SuiteOptions = {}): Promise<SuiteResult> {
  const busy = options.smoke === true ? 0 : await requireQuiet(signal);
  const conditions: Record<string, string | number> = {
    ...machine(),
    busy_cores_before: busy,
    setup: "hanzo-fn serve with embedded PostgreSQL; client, platform and instances share the cores",
    function: "typescript, answers a constant",
  };
  const rows: Row[] = [];
  const targets: Target[] = [];
  for (const part of PARTS) {
    const own = await part.run(signal, options);
    rows.push(...own);
    targets.push(...part.targets(own));
    Object.assign(conditions, part.conditions);
  }
  return { suite: "events", conditions, rows, targets };
}

export const eventsSuite: Suite = {
  name: "events",
  description:
    "asynchronous calls, schedules, queues and streams: how much of a backlog is done a second, and how late events are",
  run,
};
