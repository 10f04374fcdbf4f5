import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store, type TaskRow } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog, tempDir, waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { begunIn, notesIn, startReplicas } from "../test-replicas.ts";

const program = new URL("test-replica.ts", import.meta.url);
const REPLICAS = 3;
const TASKS = 240;
const KILLS = 10;
const FUNCTIONS = ["f", "g", "h"];
const ATTEMPTS = 30;

async function submit(store: Store, n: number): Promise<string> {
  const id = `task_${String(n).padStart(6, "0")}`;
  const request = { headers: {}, query: "", request_id: "req_1" };
  const task = { id, org: "acme", function: FUNCTIONS[n % FUNCTIONS.length]!, request, expiresInMs: 600_000 };
  await store.tasks.submit({ ...task, payload: Buffer.from(id) });
  return id;
}

/** The state of every task that has ended, looked at again and again: none may change. */
async function watchEnds(store: Store, ids: readonly string[], ends: Map<string, string>): Promise<number> {
  for (const [id, state] of await store.tasks.states(ids)) {
    if (state === "queued" || state === "running") expect(ends.get(id)).toBeUndefined();
    else expect(ends.get(id) ?? state).toBe(state);
    if (state !== "queued" && state !== "running") ends.set(id, state);
  }
  return ends.size;
}

test(`${REPLICAS} processes killed ${KILLS} times while ${TASKS} tasks come in: none is lost, none ends twice, and none begins uncounted`, async () => {
  await using database = await createTestDatabase();
  await using folder = await tempDir();
  const ledger = join(folder.path, "ledger");
  await using store = await openStore({ database, log: recordingLog(), clock: systemClock });
  const argsOf = (n: number): readonly string[] => [
    ...[database.url, join(folder.path, "blobs"), ledger, String(n * 7919)],
  ];
  await using replicas = await startReplicas({ program, count: REPLICAS, args: argsOf });
  const ids: string[] = [];
  const ends = new Map<string, string>();
  for (let kill = 0; kill < KILLS; kill++) {
    for (let i = 0; i < TASKS / KILLS; i++) ids.push(await submit(store, ids.length));
    await sleep(100);
    await replicas.replace(kill % REPLICAS);
    await watchEnds(store, ids, ends);
  }
  await waitFor("all to end", async () => (await watchEnds(store, ids, ends)) === ids.length, {
    timeoutMs: 150_000,
    everyMs: 100,
  });

  const begun = await begunIn(ledger);
  const good = new Set((await notesIn(ledger)).filter(({ what }) => what === "200").map(({ key }) => key));
  const rows = new Map<string, TaskRow>();
  for (const id of ids) rows.set(id, (await store.tasks.get("acme", id)) as TaskRow);
  for (const [id, row] of rows) {
    const attempts = (begun.get(id) ?? []).map(({ attempt }) => attempt);
    // Every attempt that began was counted, once: what is counted and did not begin was claimed by one that was killed.
    expect(new Set(attempts).size, `attempts of ${id}: ${attempts.join(" ")}`).toBe(attempts.length);
    expect(attempts.length).toBeLessThanOrEqual(row.attempt);
    expect(row.state).toBe(row.attempt < ATTEMPTS ? "succeeded" : row.state);
    if (row.state === "succeeded") expect([good.has(id), row.result?.toString()]).toEqual([true, id]);
  }
  // A run in which nobody was cut would prove nothing.
  expect(
    [...rows.values()].some((row) => row.attempt > (begun.get(row.id)?.length ?? 0) || row.attempt > 1),
  ).toBe(true);
}, 300_000);
