/**
 * A process that reads usage events and calls a function with them, on the platform's own queues, for tests that kill it:
 * `node test-replica.ts <database url> <ledger>`. Its function notes in the ledger that a call begins and that it ends.
 */
import { keepingPublishers } from "../test-publishers.ts";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { createRegistry, silentLogger } from "@hanzo-fn/telemetry";
import { createBudget, REPLICA_BUDGET } from "../delivery/index.ts";
import type { TriggerKind } from "../manager/kind.ts";
import { createTriggerManager } from "../manager/manager.ts";
import { createTriggerMetrics } from "../manager/metrics.ts";
import { createEmbeddedMqBroker } from "../mq/embedded/broker.ts";
import { createEmbeddedStreamBroker } from "../stream/embedded/embedded-broker.ts";
import { noteIn } from "../test-replicas.ts";
import { fakeInvoke, noBlobs } from "../test-setup.ts";
import { createInferenceKind } from "./kind.ts";
import { MATCH_STREAM } from "./matches.ts";
import { createInferenceMetrics } from "./metrics.ts";
import { ACK_WAIT_MS, CALL_MS, TIMING, TOPIC } from "./test-events.ts";

const [url = "", ledger = ""] = process.argv.slice(2);
const parts = { clock: systemClock, log: silentLogger };
const registry = createRegistry("hanzo_fn");
const store = await openStore({ database: { url }, ...parts, maxConnections: 6 });
const matches = createEmbeddedMqBroker({ store, ...parts }, { stream: MATCH_STREAM, ackWaitMs: ACK_WAIT_MS });
const kind = createInferenceKind(
  {
    ...{ store, matches, ...parts, seesAll: () => false },
    topics: createEmbeddedStreamBroker({ store, ...parts }, { timing: TIMING }),
    publisher: createEmbeddedMqBroker({ store, ...parts }).publisher,
    metrics: createInferenceMetrics(registry, TOPIC),
  },
  { topic: TOPIC, groupPrefix: "fn-" },
);
const manager = createTriggerManager({
  ...{ store, ...parts, kinds: [kind as unknown as TriggerKind] },
  metrics: createTriggerMetrics(registry),
  budget: createBudget(REPLICA_BUDGET),
  publishers: keepingPublishers().publishers,
  blobs: noBlobs,
  ready: () => 1,
  invoke: fakeInvoke(async (call) => {
    noteIn(ledger, call, "begin");
    await systemClock.sleep(CALL_MS);
    noteIn(ledger, call, "end");
    return { status: 200 };
  }),
});
await manager.start(new AbortController().signal);
process.stdout.write("started\n");
