import type { Blobs } from "@hanzo-fn/blobs";
import { waitFor } from "@hanzo-fn/testkit";
import { describe, expect, test } from "vitest";
import { bytesOf, NEVER, testTasks } from "./test-setup.ts";

async function keysOf(blobs: Blobs): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of blobs.list("")) keys.push(key);
  return keys;
}

describe("a task", () => {
  test("is called with what was sent, and ends with the answer", async () => {
    await using t = await testTasks();
    const one = await t.replica(() => ({ status: 201, body: "done" }));
    await one.runner.start(NEVER);
    const id = await one.submit({ query: "?a=1", headers: [["Content-Type", "text/csv"]] });
    expect(await one.end(id)).toMatchObject({
      ...{ state: "succeeded", attempt: 1, error: null },
      response: { status: 201, headers: { "content-type": "text/plain" }, bytes: 4 },
      result: Buffer.from("done"),
    });
    expect(one.calls).toMatchObject([
      {
        ...{ org: "acme", function: "f", revision: undefined },
        target: "/v1/functions/f/invoke?a=1",
        headers: { "content-type": "text/csv", "x-request-id": "req_1", "idempotency-key": `async:${id}` },
        body: Buffer.from("hello"),
        trigger: { type: "async", source: "/v1/functions/f/invoke-async", id, attempt: 1 },
      },
    ]);
    await expect.poll(() => one.ended).toEqual([{ id, state: "succeeded" }]);
  });

  test("of large bodies keeps them as blobs, and the sweep deletes them with it", async () => {
    await using t = await testTasks();
    const received: number[] = [];
    const one = await t.replica(
      async ({ body }) => {
        let length = 0;
        for await (const chunk of body as AsyncIterable<Buffer>) length += chunk.length;
        received.push(length);
        return { status: 200, body: Buffer.alloc(700_000, "z") };
      },
      { retentionMs: 1 },
    );
    const id = await one.submit({ body: bytesOf(500_000) });
    expect(await keysOf(t.blobs)).toEqual([`acme/tasks/${id.toLowerCase()}/payload`]);
    await one.runner.start(NEVER);
    await waitFor("the task to be called", () => received.length > 0);
    expect(received).toEqual([500_000]);
    // The sweep runs when the runner starts and every half minute: a second one starts with a sweep.
    await waitFor("its end", async () => (await one.store.tasks.get("acme", id))?.finishedAt !== null);
    const references = (await one.store.referencedBlobs()).map(({ ref }) => ref);
    expect(new Set(await keysOf(t.blobs))).toEqual(new Set(references));
    const other = await t.replica(() => "hangs", { retentionMs: 1 });
    await other.runner.start(NEVER);
    await waitFor("its bodies to go", async () => (await keysOf(t.blobs)).length === 0);
    expect(await one.store.tasks.get("acme", id)).toBeUndefined();
  });

  test("whose answer is longer than is kept fails", async () => {
    await using t = await testTasks();
    const one = await t.replica(() => ({ status: 200, body: Buffer.alloc(50_000) }), {
      maxResultBytes: 1000,
      attempts: 1,
    });
    await one.runner.start(NEVER);
    expect(await one.end(await one.submit())).toMatchObject({
      ...{ state: "failed", result: null, resultRef: null },
      error: { code: "payload_too_large" },
    });
  });
});

describe("what fails", () => {
  test("is tried again after the back-off, doubled each time, as often as is allowed", async () => {
    await using t = await testTasks();
    const one = await t.replica(() => ({ status: 500, body: "no" }), { backoffMs: 60 });
    await one.runner.start(NEVER);
    const task = await one.end(await one.submit());
    expect(task).toMatchObject({
      ...{ state: "failed", attempt: 3 },
      response: { status: 500 },
      result: Buffer.from("no"),
      error: { code: "http_500", message: "the function answered 500" },
    });
    expect(one.calls.map(({ trigger }) => trigger.attempt)).toEqual([1, 2, 3]);
    const tookMs = (task.finishedAt?.getTime() ?? 0) - task.createdAt.getTime();
    expect(tookMs).toBeGreaterThanOrEqual(60 + 120);
  });

  test("because the function's time was up ends as timeout", async () => {
    await using t = await testTasks();
    const body = JSON.stringify({ error: "timeout", msg: "no answer within 2000 ms" });
    const one = await t.replica(() => ({ status: 504, body, platform: true }));
    await one.runner.start(NEVER);
    expect(await one.end(await one.submit())).toMatchObject({
      ...{ state: "timeout", attempt: 3, response: null },
      error: { code: "timeout", message: "no answer within 2000 ms" },
    });
  });

  test("because its time was up, as the server of its own instance says, ends as timeout as well", async () => {
    await using t = await testTasks();
    const body = JSON.stringify({ error: "timeout", msg: "the handler did not finish within 2000 ms" });
    const answer = { status: 504, body, headers: { "x-function-error": "timeout" } };
    const one = await t.replica(() => answer, { attempts: 1 });
    await one.runner.start(NEVER);
    expect(await one.end(await one.submit())).toMatchObject({
      ...{ state: "timeout", response: null },
      error: { code: "timeout", message: "the handler did not finish within 2000 ms" },
    });
  });

  test("with the function's own 504 is a failure and no timeout", async () => {
    await using t = await testTasks();
    const one = await t.replica(() => ({ status: 504, body: '{"error":"timeout"}' }), { attempts: 1 });
    await one.runner.start(NEVER);
    expect(await one.end(await one.submit())).toMatchObject({ state: "failed", error: { code: "http_504" } });
  });

  test("to be delivered does not count, and the task waits until it is delivered", async () => {
    await using t = await testTasks();
    let refusals = 0;
    const one = await t.replica(() => (refusals++ < 2 ? { refused: "no_capacity" } : { status: 200 }));
    await one.runner.start(NEVER);
    expect(await one.end(await one.submit())).toMatchObject({
      state: "succeeded",
      attempt: 1,
      leaseEpoch: 3,
    });
  });

  test("to be delivered until the task may not wait any longer ends as expired", async () => {
    await using t = await testTasks();
    const one = await t.replica(() => ({ refused: "no_capacity" }));
    await one.runner.start(NEVER);
    const id = await one.submit({ headers: [["x-function-expires-in", "300ms"]] });
    expect(await one.end(id)).toMatchObject({ state: "expired", attempt: 0, error: { code: "no_capacity" } });
  });
});

describe("a cancelled task", () => {
  test("that runs is cut, in whichever process it runs", async () => {
    await using t = await testTasks();
    const cut: string[] = [];
    const [one, two] = await Promise.all(
      ["one", "two"].map((name) =>
        t.replica((_, signal) => {
          signal.addEventListener("abort", () => cut.push(name), { once: true });
          return "hangs";
        }),
      ),
    );
    await one!.runner.start(NEVER);
    const id = await one!.submit();
    await waitFor("the call", () => one!.calls.length > 0);
    expect(await two!.store.tasks.cancel(id)).toBe(true);
    await waitFor("the call to be cut", () => cut.length > 0);
    expect(cut).toEqual(["one"]);
    expect(await two!.store.tasks.get("acme", id)).toMatchObject({ state: "cancelled", attempt: 1 });
    expect(await two!.store.tasks.cancel(id)).toBe(false);
  });

  test("that waits to be tried again is not tried again", async () => {
    await using t = await testTasks();
    const one = await t.replica(() => ({ status: 500 }), { attempts: 2, backoffMs: 600_000 });
    await one.runner.start(NEVER);
    const failed = async (): Promise<string> => {
      const id = await one.submit();
      await waitFor("the first failure", async () => {
        const row = await one.store.tasks.get("acme", id);
        return row?.state === "queued" && row.firstFailedAt !== null;
      });
      return id;
    };
    const [id, neighbour] = [await failed(), await failed()];
    expect(await one.store.tasks.cancel(id)).toBe(true);
    // Its neighbour is tried again now, and so would it be.
    await t.database.run("update tasks set run_at = queue_now()");
    await one.end(neighbour);
    expect(one.calls.filter(({ trigger }) => trigger.id === id)).toHaveLength(1);
  });
});

describe("a process that is gone", () => {
  test("leaves its tasks to others when its leases end, and its attempts count", async () => {
    await using t = await testTasks();
    const gone = await t.replica(() => "hangs", { leaseMs: 300 });
    const id = await gone.submit();
    const lanes = [{ org: "acme", function: "f", limit: 1 }];
    await gone.store.tasks.claim({ owner: "gone", leaseMs: 300, limit: 1, lanes });
    const other = await t.replica(() => ({ status: 200 }));
    await other.runner.start(NEVER);
    expect(await other.end(id)).toMatchObject({ state: "succeeded", attempt: 2 });
  });

  test("ends its task at the last attempt", async () => {
    await using t = await testTasks();
    const other = await t.replica(() => ({ status: 200 }), { attempts: 1 });
    const id = await other.submit();
    const lanes = [{ org: "acme", function: "f", limit: 1 }];
    await other.store.tasks.claim({ owner: "gone", leaseMs: 1, limit: 1, lanes });
    await other.runner.start(NEVER);
    expect(await other.end(id)).toMatchObject({ state: "failed", attempt: 1, error: { code: "internal" } });
    expect(other.calls).toEqual([]);
  });

  test("is not waited for where no other uses the database", async () => {
    await using t = await testTasks();
    const one = await t.replica(() => ({ status: 200 }), { alone: true });
    const id = await one.submit();
    const lanes = [{ org: "acme", function: "f", limit: 1 }];
    await one.store.tasks.claim({ owner: "gone", leaseMs: 3_600_000, limit: 1, lanes });
    await one.runner.start(NEVER);
    expect(await one.end(id)).toMatchObject({ state: "succeeded", attempt: 2 });
  });
});

describe("several processes", () => {
  test("run every task of several functions once, whoever accepted it", async () => {
    await using t = await testTasks();
    const replicas = await Promise.all(
      [1, 2, 3].map(() => t.replica(() => ({ status: 200 }), { leaseMs: 60_000 })),
    );
    const functions = ["f", "g", "h"];
    const ids = await Promise.all(
      Array.from({ length: 60 }, (_, i) => replicas[i % 3]!.submit({ function: functions[i % 3]! })),
    );
    for (const { runner } of replicas) await runner.start(NEVER);
    for (const id of ids)
      expect(await replicas[0]!.end(id)).toMatchObject({ state: "succeeded", attempt: 1 });
    const called = replicas.flatMap(({ calls }) => calls.map(({ trigger }) => trigger.id));
    expect(called.toSorted()).toEqual(ids.toSorted());
  });
});

describe("stopping", () => {
  test("lets what runs end, and gives back what does not, uncounted", async () => {
    await using t = await testTasks();
    const release = Promise.withResolvers<void>();
    const one = await t.replica(async ({ function: name }) => {
      if (name === "slow") return "hangs";
      await release.promise;
      return { status: 200 };
    });
    await one.runner.start(NEVER);
    const [id, slow] = [await one.submit(), await one.submit({ function: "slow" })];
    await waitFor("both to run", () => one.calls.length === 2);
    const stopped = one.runner.stop(5000);
    release.resolve();
    await stopped;
    expect(await one.store.tasks.get("acme", id)).toMatchObject({ state: "succeeded" });
    expect(await one.store.tasks.get("acme", slow)).toMatchObject({ state: "queued", attempt: 0 });
  });
});
