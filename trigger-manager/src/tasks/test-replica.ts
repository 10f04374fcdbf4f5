/**
 * A process that runs tasks, for tests that kill it: `node test-replica.ts <database url> <blobs> <ledger> <seed>`.
 * Its functions note in the ledger that an attempt begins and how it ends, and answer as chance has it.
 */
import { keepingPublishers } from "../test-publishers.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { openDiskBlobs } from "@hanzo-fn/blobs";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import { seeded } from "@hanzo-fn/testkit";
import { createBudget, REPLICA_BUDGET } from "../delivery/budget.ts";
import { noteIn } from "../test-replicas.ts";
import { createTaskRunner } from "./runner.ts";
import { createTaskSignals } from "./signals.ts";
import { answerOf, chunksOf, NEVER, SETTINGS } from "./test-setup.ts";

const [url = "", directory = "", ledger = "", seed = "1"] = process.argv.slice(2);

const random = seeded(Number(seed));

const store = await openStore({
  database: { url },
  log: silentLogger,
  clock: systemClock,
  maxConnections: 4,
});
const blobs = await openDiskBlobs({ directory });
const runner = createTaskRunner(
  {
    ...{ store, blobs, clock: systemClock, log: silentLogger },
    budget: createBudget(REPLICA_BUDGET),
    publishers: keepingPublishers().publishers,
    signals: createTaskSignals(),
    observer: { accepted: () => {}, ended: () => {}, backlog: () => {} },
    async invoke({ trigger }) {
      const call = { key: trigger.id, attempt: trigger.attempt };
      noteIn(ledger, call, "begin");
      await sleep(random() * 40);
      const dice = random();
      const status = dice < 0.15 ? 500 : 200;
      noteIn(ledger, call, String(status));
      if (dice > 0.95) return { ...answerOf({ status: 200 }), body: brokenOff() };
      return answerOf({ status, body: trigger.id });
    },
  },
  { ...SETTINGS, attempts: 30, leaseMs: 1500, pollMs: 50 },
);

async function* brokenOff(): AsyncGenerator<Buffer> {
  yield* chunksOf("half");
  throw new Error("the answer broke off");
}

await runner.start(NEVER);
process.stdout.write("started\n");
