/**
 * A process of the trigger manager with every kind of trigger, for the harness that kills it: `node replica.ts <order>`.
 * It is ready when it says so over its channel, and ends with its parent.
 */
import { openSync, writeSync } from "node:fs";
import { openDiskBlobs } from "@hanzo-fn/blobs";
import { type Clock, systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { createLogger, createRegistry } from "@hanzo-fn/telemetry";
import { createCronKind } from "../src/cron/kind.ts";
import { createBudget, REPLICA_BUDGET } from "../src/delivery/index.ts";
import { createTriggerManager, createTriggerMetrics, type TriggerKind } from "../src/manager/index.ts";
import { createTaskRunner, createTaskSignals } from "../src/tasks/index.ts";
import { createFunction } from "./function.ts";
import { openLedger } from "./ledger-file.ts";
import type { ReplicaMessage, ReplicaOrder } from "./order.ts";
import { openBrokers } from "./parts.ts";
import { watchLoop } from "./stalls.ts";
import { GRACE_MS, LEASE_MS, TASK_SETTINGS } from "./settings.ts";

const order = JSON.parse(process.argv[2] ?? "{}") as ReplicaOrder;
const { by } = order;
let jumpedMs = 0;
/** A clock that somebody sets; time passes as it does. */
const clock: Clock = { ...systemClock, now: () => Date.now() + jumpedMs };

const lines = openSync(order.log, "a");
const log = createLogger({
  ...{ level: "info", service: `replica ${by}`, version: "", env: "chaos" },
  write: (line) => void writeSync(lines, line.endsWith("\n") ? line : `${line}\n`),
});
const ledger = openLedger(order.ledger);
const store = await openStore({ database: { url: order.database }, log, clock, maxConnections: 6 });
const blobs = await openDiskBlobs({ directory: order.blobs });
const brokers = openBrokers({ store, clock, log }, order.brokers, {
  revoked: (partition) => ledger.append({ what: "revoked", atMs: Date.now(), by, ...partition }),
  position() {},
});
const publishers = { nats: brokers.queues, kafka: brokers.topics };
const metrics = createTriggerMetrics(createRegistry("hanzo_fn"));
const budget = createBudget(REPLICA_BUDGET);
const invoke = createFunction({ ledger, by, seed: order.seed });

const cron = createCronKind({
  ...{ store, clock, log, leaseMs: LEASE_MS },
  owner: by,
  alone: false,
  onLate: metrics.late,
});
const manager = createTriggerManager({
  ...{ store, clock, log, metrics, blobs, budget, publishers, invoke },
  kinds: [cron, brokers.mq, brokers.stream] as unknown as readonly TriggerKind[],
  ready: () => undefined,
});
const tasks = createTaskRunner(
  {
    ...{ store, blobs, clock, log, budget, publishers },
    signals: createTaskSignals(),
    observer: { accepted: () => {}, ended: () => {}, backlog: () => {} },
    invoke: (request, identity, signal) => {
      const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
      return invoke({ ...request, body }, identity, signal);
    },
  },
  TASK_SETTINGS,
);

async function leave(): Promise<void> {
  log.info("leaving");
  await Promise.all([manager.stop(GRACE_MS), tasks.stop(GRACE_MS)]);
  log.info("nothing runs here any more");
  await brokers.close();
  log.info("the brokers are closed");
}
watchLoop((fromMs, untilMs) => ledger.append({ what: "stalled", by, fromMs, untilMs }));
process.once("disconnect", () => process.exit(1));
process.on("message", ({ jumpMs }: ReplicaMessage) => void (jumpedMs += jumpMs));
process.once("SIGTERM", () => {
  void leave().then(() => process.exit(0));
});
const { signal } = new AbortController();
await Promise.all([manager.start(signal), tasks.start(signal)]);
process.send?.("ready");
