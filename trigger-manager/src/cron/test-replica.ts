/**
 * A process that serves cron triggers, for tests that kill it: `node test-replica.ts <database url> <ledger>`. Its
 * functions note in the ledger that an attempt begins and how it ends.
 */
import { keepingPublishers } from "../test-publishers.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { createRegistry, silentLogger } from "@hanzo-fn/telemetry";
import { createBudget, REPLICA_BUDGET } from "../delivery/index.ts";
import type { TriggerKind } from "../manager/kind.ts";
import { createTriggerManager } from "../manager/manager.ts";
import { createTriggerMetrics } from "../manager/metrics.ts";
import { noteIn } from "../test-replicas.ts";
import { fakeInvoke, noBlobs } from "../test-setup.ts";
import { createCronKind } from "./kind.ts";

const [url = "", ledger = ""] = process.argv.slice(2);
const clock = systemClock;
const log = silentLogger;
const store = await openStore({ database: { url }, log, clock, maxConnections: 4 });
const metrics = createTriggerMetrics(createRegistry("hanzo_fn"));
const owner = `process-${process.pid}`;
const cron = createCronKind({
  store,
  clock,
  log,
  owner,
  alone: false,
  leaseMs: 15_000,
  onLate: metrics.late,
});
const manager = createTriggerManager({
  ...{ store, clock, log, metrics },
  kinds: [cron as unknown as TriggerKind],
  budget: createBudget(REPLICA_BUDGET),
  publishers: keepingPublishers().publishers,
  blobs: noBlobs,
  ready: () => 1,
  invoke: fakeInvoke(async (call) => {
    const { key, attempt } = call;
    noteIn(ledger, call, "begin");
    // Long enough to be killed in, and not the same for all.
    await sleep((Number(key.slice(-6, -5)) + 1) * 30);
    const status = attempt === 1 && key.endsWith("7.000Z") ? 500 : 200;
    noteIn(ledger, call, String(status));
    return { status };
  }),
});
await manager.start(new AbortController().signal);
process.stdout.write("started\n");
