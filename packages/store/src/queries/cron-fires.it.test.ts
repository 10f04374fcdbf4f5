import { exerciseQueue } from "../queue/conformance.ts";
import { LANES, START } from "../queue/conformance-bench.ts";
import type { CronFireTypes } from "./cron-fires.ts";

/** Triggers share their times, and each has several. */
const keyOf = (n: number) => ({
  triggerId: `trg_${n % LANES}`,
  scheduledAt: new Date(START + Math.floor(n / LANES) * 1000),
});

exerciseQueue<CronFireTypes>("cron fires", {
  table: "cron_fires",
  finals: ["succeeded", "failed", "skipped", "missed"],
  queue: (store) => store.cronFires,
  async add(store, n, now) {
    await store.cronFires.record([{ ...keyOf(n), org: "acme", function: "f", runAt: now }]);
  },
  key: keyOf,
  lane: (lane) => ({ triggerId: `trg_${lane}` }),
  number: ({ triggerId, scheduledAt }) =>
    ((scheduledAt.getTime() - START) / 1000) * LANES + Number(triggerId.slice(4)),
  outcomes: [{ statusCode: 200 }, { statusCode: 500, error: { code: "handler_error", message: 'a "{},\\' } }],
});
