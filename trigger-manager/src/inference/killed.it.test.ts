import { join } from "node:path";
import { triggerKey, ulid } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog, tempDir, waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { createEmbeddedPublisher } from "../stream/embedded/embedded-publisher.ts";
import { begunIn, startReplicas } from "../test-replicas.ts";
import { deployCron } from "../test-setup.ts";
import { inferenceTrigger, TOPIC, usage } from "./test-events.ts";

const program = new URL("test-replica.ts", import.meta.url);
const REPLICAS = 2;
const KILLS = 4;
/** Between two kills. */
const RECORDS = 100;
const CONCURRENCY = 8;

/** Deployed while nobody serves it: what is published from now on is its. */
async function deploy(store: Store): Promise<void> {
  await deployCron(store, "f", []);
  const spec = inferenceTrigger({ max_concurrency: CONCURRENCY });
  const wanted = [{ type: "inference", key: triggerKey(spec, "f"), spec: { ...spec } as never }];
  const newId = (): string => `trg_${ulid()}`;
  const [row] = await store.triggers.replace("acme", "f", wanted, newId, new Date());
  await store.streamOffsets.save(row!.id, [{ topic: `log:${TOPIC}`, partition: 0, nextOffset: 0 }]);
}

test(`${REPLICAS} processes killed ${KILLS} times while usage events come in: none is lost, and no more run twice than were under way`, async () => {
  await using database = await createTestDatabase();
  await using folder = await tempDir();
  await using store = await openStore({ database, log: recordingLog(), clock: systemClock });
  await using stack = new AsyncDisposableStack();
  const ledger = join(folder.path, "ledger");
  await deploy(store);
  const publisher = createEmbeddedPublisher({ log: store.streamLog });
  stack.defer(() => publisher.close());
  const args = (): readonly string[] => [database.url, ledger];
  await using replicas = await startReplicas({ program, count: REPLICAS, args });
  const published: string[] = [];
  for (let round = 0; round <= KILLS; round++) {
    const before = (await begunIn(ledger)).size;
    const sent = Array.from({ length: RECORDS }, (_, i) => {
      const body = Buffer.from(usage(`r${round}_${i}`));
      return publisher.publish({ target: TOPIC, id: "evt", headers: {}, body }, new AbortController().signal);
    });
    for (const { place } of await Promise.all(sent))
      published.push(`log:${place.replace("/", ":").replace("@", ":")}`);
    // Some of them are under way.
    const isBusy = async (): Promise<boolean> => (await begunIn(ledger)).size > before + RECORDS / 10;
    await waitFor("calls", isBusy, { timeoutMs: 60_000 });
    if (round === KILLS) break;
    await replicas.replace(round % REPLICAS);
  }
  await waitFor("all of them", async () => (await begunIn(ledger)).size >= published.length, {
    timeoutMs: 60_000,
    everyMs: 50,
  });
  const calls = await begunIn(ledger);
  expect([...calls.keys()].toSorted()).toEqual(published.toSorted());
  const again = [...calls.values()].reduce((sum, { length }) => sum + length - 1, 0);
  // Those that ran, and as many that had ended and were not settled.
  expect(again).toBeLessThanOrEqual(2 * CONCURRENCY * KILLS);
}, 300_000);
