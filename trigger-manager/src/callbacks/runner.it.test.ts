import { createHmac } from "node:crypto";
import { abortable, systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog, waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import type { Post } from "./post.ts";
import { createCallbackRunner } from "./runner.ts";

interface Sent {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Callbacks of tasks that have ended, delivered by `post`. */
async function testCallbacks(post: (sent: Sent, signal: AbortSignal) => Promise<number>) {
  const database = await createTestDatabase();
  const store = await openStore({ database, log: recordingLog(), clock: systemClock });
  const sent: Sent[] = [];
  const send: Post = async (url, headers, body, signal) => {
    const one = { url, headers, body: body.toString() };
    sent.push(one);
    return { status: await post(one, signal) };
  };
  const runner = createCallbackRunner(
    {
      ...{ store, post: send, clock: systemClock, log: recordingLog() },
      keyOf: (org) => `key of ${org}`,
      describe: async (org, id) => {
        const row = await store.tasks.get(org, id);
        return row && Buffer.from(JSON.stringify({ task_id: id, status: row.state }));
      },
    },
    { attempts: 3, backoff: { initialMs: 20, factor: 2, maxMs: 1000 }, alone: true, pollMs: 20 },
  );
  return {
    store,
    sent,
    runner,
    async [Symbol.asyncDispose]() {
      await runner.stop(0);
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

/** A task that is over, with a callback to this host. */
async function over(store: Store, id: string, host = "receiver.example"): Promise<void> {
  const callback = { url: `https://${host}/done`, host: `${host}:443` };
  await store.tasks.submit({ id, org: "acme", function: "f", request: {}, expiresInMs: 60_000, callback });
  await store.tasks.cancel(id);
}
const ended = (store: Store, id: string) =>
  waitFor(`the end of the callback of ${id}`, async () => {
    const row = await store.taskCallbacks.get(id);
    return row !== undefined && row.finishedAt !== null && row;
  });
const NEVER = new AbortController().signal;
/** No answer; a stop may have come before the question. */
const silence = (signal: AbortSignal): Promise<never> =>
  abortable(Promise.withResolvers<never>().promise, signal);

test("posts the task, signed, once", async () => {
  await using t = await testCallbacks(() => Promise.resolve(204));
  await t.runner.start(NEVER);
  await over(t.store, "task_1");
  t.runner.wake();
  expect(await ended(t.store, "task_1")).toMatchObject({
    ...{ state: "delivered", attempt: 1, statusCode: 204, error: null },
  });
  const [{ url, headers, body }] = t.sent as [Sent];
  expect([url, body, t.sent.length]).toEqual([
    "https://receiver.example/done",
    '{"task_id":"task_1","status":"cancelled"}',
    1,
  ]);
  const [, seconds = "", signature] = /^t=(\d+),v1=(\w+)$/.exec(headers["x-function-signature"] ?? "") ?? [];
  expect(signature).toBe(createHmac("sha256", "key of acme").update(`${seconds}.${body}`).digest("hex"));
  expect(headers).toMatchObject({ "idempotency-key": "task_1", "x-function-attempt": "1" });
});

test("tries again after an error and after no answer, as often as is allowed, and says why it gave up", async () => {
  const answers = [500, undefined, 302];
  await using t = await testCallbacks(({ headers }) => {
    const answer = answers[Number(headers["x-function-attempt"]) - 1];
    return answer === undefined ? Promise.reject(new Error("connection refused")) : Promise.resolve(answer);
  });
  await over(t.store, "task_1");
  await t.runner.start(NEVER);
  expect(await ended(t.store, "task_1")).toMatchObject({
    ...{ state: "failed", attempt: 3, statusCode: 302 },
    error: { code: "http_302", message: "the receiver answered 302" },
  });
  expect(t.sent).toHaveLength(3);
});

test("of a host that does not answer leave room for those of others", async () => {
  await using t = await testCallbacks(({ url }, signal) =>
    url.includes("silent") ? silence(signal) : Promise.resolve(200),
  );
  for (let i = 0; i < 20; i++) await over(t.store, `task_a${i}`, "silent.example");
  await over(t.store, "task_z", "quick.example");
  await t.runner.start(NEVER);
  expect(await ended(t.store, "task_z")).toMatchObject({ state: "delivered" });
  expect(t.sent.filter(({ url }) => url.includes("silent")).length).toBeLessThanOrEqual(4);
});

test("that a stop cuts do not count, and are tried anew at the next start", async () => {
  await using t = await testCallbacks((_, signal) => silence(signal));
  await over(t.store, "task_1");
  await t.runner.start(NEVER);
  await waitFor("the delivery to begin", () => t.sent.length > 0);
  await t.runner.stop(0);
  expect(await t.store.taskCallbacks.get("task_1")).toMatchObject({ state: "queued", attempt: 0 });
});

test("of a task that is gone are given up", async () => {
  await using t = await testCallbacks(() => Promise.resolve(200));
  await over(t.store, "task_1");
  await t.store.tasks.sweepEnded(-1000, 10);
  await t.runner.start(NEVER);
  expect(await ended(t.store, "task_1")).toMatchObject({
    state: "failed",
    error: { message: "the task is gone" },
  });
  expect(t.sent).toEqual([]);
});
