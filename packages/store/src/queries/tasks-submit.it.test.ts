import { ulid } from "@hanzo-fn/contract";
import { Client } from "pg";
import { describe, expect, test } from "vitest";
import type { NewTask, TaskIdempotency } from "../index.ts";
import { testStore } from "../test-setup.ts";

const KEY: TaskIdempotency = { key: "k", requestHash: "hash", keepMs: 60_000 };

const aTask = (more: Partial<NewTask> = {}): NewTask => ({
  id: `task_${ulid()}`,
  org: "acme",
  function: "f",
  request: { headers: { "content-type": "text/plain" } },
  expiresInMs: 60_000,
  ...more,
});

describe("a task", () => {
  test("is kept with all that it was given", async () => {
    await using t = await testStore();
    const task = aTask({
      revision: 3,
      payload: Buffer.from([0, 1, 255]),
      callback: { url: "https://a", host: "a:443" },
    });
    expect(await t.store.tasks.submit(task)).toEqual({ accepted: "new", id: task.id });
    const { id, org, request, revision, payload, callback } = task;
    expect(await t.store.tasks.get("acme", task.id)).toMatchObject({
      ...{ id, org, request, revision, payload, callback },
      ...{ state: "queued", attempt: 0, leaseEpoch: 0, startedAt: null, finishedAt: null },
    });
    expect(await t.store.tasks.get("other", task.id)).toBeUndefined();
  });

  test("is kept beside others in one statement, all of them or none", async () => {
    await using t = await testStore();
    const [one, two] = [aTask({ revision: 7 }), aTask({ org: "other", payload: Buffer.from([0, 200]) })];
    await t.store.tasks.add([one, two]);
    expect(await t.store.tasks.get("acme", one.id)).toMatchObject({
      revision: 7,
      payload: null,
      callback: null,
    });
    expect(await t.store.tasks.get("other", two.id)).toMatchObject({ revision: null, payload: two.payload });
    const three = aTask();
    await expect(t.store.tasks.add([three, one])).rejects.toThrow();
    expect(await t.store.tasks.get("acme", three.id)).toBeUndefined();
    await t.store.tasks.add([]);
  });

  test("is listed newest first, in pages, by function and state", async () => {
    await using t = await testStore();
    for (const id of ["task_1", "task_2", "task_3"]) await t.store.tasks.submit(aTask({ id }));
    await t.store.tasks.submit(aTask({ id: "task_4", function: "g" }));
    await t.store.tasks.submit(aTask({ id: "task_5", org: "other" }));
    await t.store.tasks.withdraw([{ id: "task_2" }], { to: "cancelled", running: true });
    const ids = async (more: object) =>
      (await t.store.tasks.list({ org: "acme", function: "f", limit: 10, ...more })).map(({ id }) => id);
    expect(await ids({})).toEqual(["task_3", "task_2", "task_1"]);
    expect(await ids({ after: "task_3", limit: 1 })).toEqual(["task_2"]);
    expect(await ids({ state: "queued" })).toEqual(["task_3", "task_1"]);
    expect(await ids({ function: "g" })).toEqual(["task_4"]);
  });

  test("that was to start by now ends as expired, one that runs does not", async () => {
    await using t = await testStore();
    const [late, running, young] = [aTask({ expiresInMs: -1 }), aTask({ expiresInMs: -1 }), aTask()];
    await t.store.tasks.submit(running!);
    const lanes = [{ org: "acme", function: "f", limit: 1 }];
    await t.store.tasks.claim({ owner: "o", leaseMs: 60_000, limit: 1, lanes });
    await t.store.tasks.submit(late!);
    await t.store.tasks.submit(young!);
    expect(await t.store.tasks.expireOverdue(10)).toEqual([{ id: late!.id, org: "acme", function: "f" }]);
    expect(await t.store.tasks.get("acme", late!.id)).toMatchObject({ state: "expired", attempt: 0 });
    expect(await t.store.tasks.get("acme", running!.id)).toMatchObject({ state: "running" });
  });
});

describe("an idempotency key", () => {
  test("finds the task of the same request, and refuses another request", async () => {
    await using t = await testStore();
    const first = aTask({ idempotency: KEY });
    await t.store.tasks.submit(first);
    expect(await t.store.tasks.submit(aTask({ idempotency: KEY }))).toEqual({
      accepted: "same",
      id: first.id,
    });
    const other = aTask({ idempotency: { ...KEY, requestHash: "other" } });
    expect(await t.store.tasks.submit(other)).toEqual({ accepted: "conflict", id: first.id });
    expect(await t.store.tasks.get("acme", other.id)).toBeUndefined();
  });

  test("belongs to one function of one organisation", async () => {
    await using t = await testStore();
    await t.store.tasks.submit(aTask({ idempotency: KEY }));
    for (const more of [{ org: "other" }, { function: "g" }])
      expect(await t.store.tasks.submit(aTask({ idempotency: KEY, ...more }))).toMatchObject({
        accepted: "new",
      });
  });

  test("is free again when its time is up, swept or not", async () => {
    await using t = await testStore();
    await t.store.tasks.submit(aTask({ idempotency: { ...KEY, keepMs: -1 } }));
    const second = aTask({ idempotency: { ...KEY, keepMs: -1 } });
    expect(await t.store.tasks.submit(second)).toEqual({ accepted: "new", id: second.id });
    expect(await t.store.tasks.sweepKeys(10)).toBe(1);
    expect(await t.store.tasks.submit(aTask({ idempotency: KEY }))).toMatchObject({ accepted: "new" });
    expect(await t.store.tasks.sweepKeys(10)).toBe(0);
  });

  test("of many requests at once queues one task", async () => {
    await using t = await testStore();
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => t.store.tasks.submit(aTask({ idempotency: KEY }))),
    );
    expect(answers.filter(({ accepted }) => accepted === "new")).toHaveLength(1);
    expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
    expect(await t.store.tasks.claim({ owner: "o", leaseMs: 1000, limit: 20 })).toHaveLength(1);
  });

  test("of a transaction that was broken off is free", async () => {
    await using t = await testStore();
    const failing = t.store.withTransaction(async (tx) => {
      await tx.tasks.submit(aTask({ idempotency: KEY }));
      throw new Error("broken off");
    });
    await expect(failing).rejects.toThrow("broken off");
    expect(await t.store.tasks.submit(aTask({ idempotency: KEY }))).toMatchObject({ accepted: "new" });
  });
});

test("indexes serve what is due: the database's clock is compared as a constant", async () => {
  await using t = await testStore();
  const client = new Client({ connectionString: t.database.url });
  await client.connect();
  try {
    await client.query("set enable_seqscan = off; set enable_bitmapscan = off");
    const { rows } = await client.query<Record<string, string>>(
      `explain select id from tasks
        where org = 'a' and function = 'f' and state = 'queued' and run_at <= queue_now()
        order by run_at limit 5 for update skip locked`,
    );
    const plan = rows.map((row) => row["QUERY PLAN"]).join("\n");
    expect(plan).toMatch(/Index Scan using tasks_queued/);
    expect(plan).toMatch(/Index Cond: .*run_at <= statement_timestamp\(\)/);
    expect(plan).not.toMatch(/Sort/);
  } finally {
    await client.end();
  }
});
