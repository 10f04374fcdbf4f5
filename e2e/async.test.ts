/** Asynchronous calls: accepted durably, tried again, cancelled, expired, told of, and none lost by a kill -9. */
import { createHmac } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import type { CallbackKeyJson, TaskJson, TaskListJson } from "@hanzo-fn/contract/api";
import { type TempDir, tempDir, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FakeIam, startFakeIam } from "./support/fake-iam.ts";
import { deployFunction, type FunctionSource, NEIGHBOUR } from "./support/functions.ts";
import { withNeighbour } from "./support/neighbour.ts";
import { startPlatform, type TestPlatform } from "./support/platform.ts";
import { accepted, type AsyncCall, callAsync, endOf, taskOf } from "./support/tasks.ts";

/** Does what the body says; with `note` it counts its attempts. */
const DOER: FunctionSource = {
  name: "doer",
  runtime: "typescript",
  manifest: "scaling:\n  max_instances: 4\n",
  code: `
export const handle = async (ctx) => {
  const { say, status, fail, hang, hangFirst, exit, bytes, note, read, log, sleepMs, until } = ctx.data ?? {};
  if (note) await ctx.kv.incr(ctx.trigger.id);
  if (read !== undefined) return Promise.all(read.map(async (id) => Number(await ctx.kv.get(id))));
  if (log !== undefined) console.log(log);
  if (until !== undefined && ctx.trigger.attempt < until) return new Response("not yet", { status: 503 });
  if (sleepMs !== undefined) await new Promise((resolve) => setTimeout(resolve, sleepMs));
  if (exit) process.exit(3);
  if (hang || (hangFirst && ctx.trigger.attempt === 1)) await new Promise(() => {});
  if (fail) throw new Error("on purpose");
  if (bytes !== undefined) return new Response("x".repeat(bytes), { headers: { "content-type": "text/plain" } });
  if (status !== undefined) return new Response("status " + status, { status });
  return {
    said: say,
    trigger: ctx.trigger,
    user: ctx.headers.get("x-user-id"),
    idempotency: ctx.headers.get("idempotency-key"),
    secret: ctx.headers.get("authorization"),
  };
};
`,
};
/** For what runs into its timeout. */
const HASTY: FunctionSource = { ...DOER, name: "hasty", manifest: "resources:\n  timeout: 2s\n" };
/** May run for long: for what is cut. */
const SLOW: FunctionSource = {
  ...DOER,
  name: "slow",
  manifest: "resources:\n  timeout: 120s\n  concurrency: 20\nscaling:\n  max_instances: 2\n",
};
const UNREADY: FunctionSource = { ...DOER, name: "unready", code: "throw new Error('does not load');\n" };

let iam: FakeIam;
let platform: TestPlatform;
beforeAll(async () => {
  iam = await startFakeIam();
  const config =
    "events:\n  task_backoff: 200ms\n  callback_private: true\n" +
    `auth:\n  builtin_issuer: true\n  issuers: ["${iam.issuer}"]\n`;
  platform = await startPlatform({ config, env: { DATABASE_URL: "" } });
  for (const source of [DOER, HASTY, SLOW, NEIGHBOUR]) await deployFunction(platform, source);
});
afterAll(async () => {
  await platform[Symbol.asyncDispose]();
  await iam[Symbol.asyncDispose]();
});

const call = (data: object, more: AsyncCall = {}): AsyncCall => ({ ...more, body: JSON.stringify(data) });
const done = async (data: object, more?: AsyncCall, name = DOER.name): Promise<TaskJson> =>
  endOf(platform, await accepted(platform, name, call(data, more)));

describe("a call for later", () => {
  test.each(["api", "invoke"] as const)("comes in by the port of %s and ends with the answer", async (by) => {
    const id = await accepted(platform, "doer", call({ say: "hello" }, { by }));
    const task = await endOf(platform, id);
    expect(task).toMatchObject({
      ...{ task_id: id, function: "doer", status: "succeeded", attempts: 1 },
      response: {
        status: 200,
        body: {
          said: "hello",
          trigger: { type: "async", id, attempt: 1 },
          user: expect.any(String),
          idempotency: `async:${id}`,
          secret: null,
        },
      },
    });
    expect(task.error).toBeUndefined();
  });

  test("is found under its function, and by its id alone; its answer's bytes and its log as well", async () => {
    const task = await done({ say: 1, log: "a line of mine" });
    const path = `/v1/functions/doer/tasks/${task.task_id}`;
    expect(await (await platform.fetchApi(path)).json()).toEqual(task);
    const result = await platform.fetchApi(`${path}/result`);
    expect([result.status, result.headers.get("x-function-status")]).toEqual([200, "200"]);
    expect(await result.json()).toEqual(task.response?.body);
    const logged = await waitFor("the line to be in the log", async () => {
      const text = await (await platform.fetchApi(`/v1/tasks/${task.task_id}/logs`)).text();
      return text.includes("a line of mine") && text;
    });
    expect(logged).toContain(task.request_id);
    expect((await platform.fetchApi(`/v1/functions/slow/tasks/${task.task_id}`)).status).toBe(404);
  });

  test("is listed newest first, by state and in pages", async () => {
    const [first, second] = [await done({ say: 1 }), await done({ fail: true })];
    const page = async (query: string): Promise<TaskListJson> =>
      (await (await platform.fetchApi(`/v1/functions/doer/tasks?${query}`)).json()) as TaskListJson;
    const newest = await page("limit=1");
    expect(newest.tasks.map((one) => one.task_id)).toEqual([second.task_id]);
    const next = await page(`limit=1&after=${newest.next}`);
    expect(next.tasks.map((one) => one.task_id)).toEqual([first.task_id]);
    const failed = await page("state=failed");
    expect(failed.tasks[0]).toMatchObject({ task_id: second.task_id, status: "failed" });
    expect((await platform.fetchApi("/v1/functions/doer/tasks?state=odd")).status).toBe(400);
  });

  test("may be large both ways: the answer is given by reference", async () => {
    const padding = "y".repeat(600_000);
    const task = await done({ bytes: 3_000_000, padding });
    expect(task.response).toMatchObject({ status: 200, body_bytes: 3_000_000 });
    expect(task.response?.body).toBeUndefined();
    const result = await platform.fetchApi(task.response?.body_url as string);
    expect(result.headers.get("content-type")).toMatch(/^text\/plain/);
    expect((await result.arrayBuffer()).byteLength).toBe(3_000_000);
  });

  test("is made by the CLI, waited for, listed, shown and cancelled", async () => {
    const answer = await platform.ok(["invoke", "doer", "--async", "--wait", "--data", '{"say":"cli"}']);
    expect(JSON.parse(answer)).toMatchObject({ said: "cli" });
    const id = (
      await platform.ok(["invoke", "slow", "--async", "--data", '{"hang":true}', "-o", "name"])
    ).trim();
    expect(await platform.ok(["tasks", "list", "slow"])).toContain(id);
    await platform.ok(["tasks", "cancel", id]);
    const shown = await platform.ok(["tasks", "get", id, "-o", "json"]);
    expect(JSON.parse(shown)).toMatchObject({ task_id: id, status: "cancelled" });
    const failed = await platform.cli(["invoke", "doer", "--async", "--wait", "--data", '{"fail":true}']);
    expect(failed.code).toBe(8);
  });
});

describe("an idempotency key", () => {
  test("stands for the same call, however often and wherever it is sent", async () => {
    const headers = { "idempotency-key": "the-key" };
    const id = await accepted(platform, "doer", call({ say: 1 }, { headers }));
    expect(await accepted(platform, "doer", call({ say: 1 }, { headers, by: "invoke" }))).toBe(id);
    await endOf(platform, id);
    expect(await accepted(platform, "doer", call({ say: 1 }, { headers }))).toBe(id);
  });

  test("reused with another body is refused with 409", async () => {
    const headers = { "idempotency-key": "reused" };
    await accepted(platform, "doer", call({ say: 1 }, { headers }));
    const answer = await callAsync(platform, "doer", call({ say: 2 }, { headers }));
    expect([answer.status, await answer.json()]).toMatchObject([409, { error: "conflict" }]);
  });
});

describe("a function that fails", () => {
  test("is tried again after the back-off, and its task fails with the last answer", async () => {
    const { result: task } = await withNeighbour(platform, () => done({ status: 500 }));
    expect(task).toMatchObject({
      ...{ status: "failed", attempts: 3 },
      response: { status: 500, body: "status 500" },
      error: { code: "http_500" },
    });
  });

  test("and then succeeds leaves no error behind", async () => {
    const task = await done({ until: 3, say: "at last" });
    expect(task).toMatchObject({ status: "succeeded", attempts: 3, response: { status: 200 } });
    expect(task.error).toBeUndefined();
  });

  test.each([
    ["answers 400", { status: 400 }, "failed", "http_400", DOER],
    ["kills its instance", { exit: true }, "failed", "instance_exited", DOER],
    ["hangs", { hang: true }, "timeout", "timeout", HASTY],
  ] as const)(
    "that %s ends its task, and neighbours keep answering",
    async (_, data, status, code, { name }) => {
      const { result: task } = await withNeighbour(platform, () => done(data, {}, name));
      expect(task).toMatchObject({ status, attempts: 3, error: { code } });
    },
  );

  test("that answers 20 MB is kept by reference, and neighbours keep answering", async () => {
    const { result: task } = await withNeighbour(platform, () => done({ bytes: 20_000_000 }));
    expect(task).toMatchObject({ status: "succeeded", response: { body_bytes: 20_000_000 } });
  });
});

describe("cancelling", () => {
  test("a call that runs cuts it: its task is cancelled at once and stays so", async () => {
    const id = await accepted(platform, "slow", call({ hang: true }));
    await waitFor("the call to run", async () => (await taskOf(platform, id)).status === "running");
    const answer = await platform.fetchApi(`/v1/tasks/${id}/cancel`, { method: "POST" });
    expect([answer.status, await answer.json()]).toMatchObject([200, { status: "cancelled" }]);
    const gauge = 'hanzo_fn_concurrent_executions{function="slow",org="local"} 0';
    await waitFor("the call to end", async () =>
      (await (await fetch(`${platform.metrics}/metrics`)).text()).includes(gauge),
    );
    const again = await platform.fetchApi(`/v1/tasks/${id}/cancel`, { method: "POST" });
    expect([again.status, await again.json()]).toMatchObject([200, { status: "cancelled" }]);
    const result = await platform.fetchApi(`/v1/tasks/${id}/result`);
    expect([result.status, await result.json()]).toMatchObject([404, { error: "not_found" }]);
  });

  test("one that has ended is refused with 409", async () => {
    const { task_id: id } = await done({ say: 1 });
    const answer = await platform.fetchApi(`/v1/tasks/${id}/cancel`, { method: "POST" });
    expect([answer.status, await answer.json()]).toMatchObject([409, { error: "conflict" }]);
  });
});

describe("a call that may wait only so long", () => {
  test("ends as expired where no attempt could start in time", async () => {
    await expect(deployFunction(platform, UNREADY)).rejects.toThrow();
    const headers = { "x-function-expires-in": "1s" };
    const id = await accepted(platform, "unready", call({}, { headers }));
    const task = await endOf(platform, id);
    expect(task).toMatchObject({ status: "expired", attempts: 0 });
  });

  test.each(["soon", "0s", "31d", "-5s"])("is refused with 400 for %s", async (text) => {
    const answer = await callAsync(platform, "doer", { headers: { "x-function-expires-in": text } });
    expect(answer.status).toBe(400);
  });
});

interface Told {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver of callbacks that answers what the test says. */
async function receiver(answers: readonly number[]) {
  const told: Told[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.once("end", () => {
      const status = answers[told.length] ?? 204;
      told.push({ headers: request.headers, body: Buffer.concat(chunks).toString() });
      response.writeHead(status).end();
    });
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    told,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/done?for=me`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

describe("a callback", () => {
  test("tells how the task ended, signed with the organisation's key", async () => {
    await using server = await receiver([204]);
    const headers = { "x-function-callback": server.url };
    const task = await done({ say: "told" }, { headers });
    await waitFor("the callback", () => server.told.length > 0);
    const [{ headers: sent, body }] = server.told as [Told];
    expect(JSON.parse(body)).toMatchObject({
      ...{ task_id: task.task_id, status: "succeeded" },
      response: { body: { said: "told" } },
    });
    const { key } = (await (await platform.fetchApi("/v1/callback-key")).json()) as CallbackKeyJson;
    const [, seconds, signature] = /^t=(\d+),v1=(\w+)$/.exec(String(sent["x-function-signature"])) ?? [];
    expect(signature).toBe(createHmac("sha256", key).update(`${seconds}.${body}`).digest("hex"));
    expect(Math.abs(Date.now() / 1000 - Number(seconds))).toBeLessThan(300);
    const delivered = await waitFor("the delivery to be noted", async () => {
      const { callback } = await taskOf(platform, task.task_id);
      return callback?.state === "delivered" && callback;
    });
    expect(delivered).toMatchObject({ url: server.url, attempts: 1, status_code: 204 });
  });

  test("that is answered with an error is tried again later", async () => {
    await using server = await receiver([500]);
    const task = await done({ say: 1 }, { headers: { "x-function-callback": server.url } });
    const failed = await waitFor("the failure to be noted", async () => {
      const { callback } = await taskOf(platform, task.task_id);
      return callback?.status_code === 500 && callback;
    });
    expect(failed).toMatchObject({ state: "queued", attempts: 1 });
  });

  test.each(["ftp://example.com/", "no url", "https://user:pass@example.com/"])(
    "to %s is refused with 400",
    async (url) => {
      const answer = await callAsync(platform, "doer", { headers: { "x-function-callback": url } });
      expect(answer.status).toBe(400);
    },
  );
});

describe("another organisation", () => {
  test("finds none of this one's tasks, and has a callback key of its own", async () => {
    const { task_id: id } = await done({ say: 1 });
    const token = iam.orgToken("other", ["functions:read", "functions:invoke", "functions:deploy"]);
    const foreign = { headers: { authorization: `Bearer ${token}` } };
    for (const path of [`/v1/tasks/${id}`, `/v1/functions/doer/tasks/${id}`, `/v1/tasks/${id}/result`]) {
      expect((await platform.fetchApi(path, foreign)).status, path).toBe(404);
    }
    const cancel = await platform.fetchApi(`/v1/tasks/${id}/cancel`, { ...foreign, method: "POST" });
    expect(cancel.status).toBe(404);
    const submit = { ...foreign, method: "POST" };
    for (const send of [platform.fetchApi, platform.fetchInvoke]) {
      expect((await send("/v1/functions/doer/invoke-async", submit)).status).toBe(404);
    }
    const keyOf = async (init?: RequestInit): Promise<string> =>
      ((await (await platform.fetchApi("/v1/callback-key", init)).json()) as CallbackKeyJson).key;
    expect(await keyOf(foreign)).not.toBe(await keyOf());
  });

  test("with a token that only reads makes and cancels nothing", async () => {
    const { task_id: id } = await done({ say: 1 });
    const headers = { authorization: `Bearer ${iam.orgToken("local", ["functions:read"])}` };
    for (const by of ["api", "invoke"] as const) {
      expect((await callAsync(platform, "doer", { headers, by })).status).toBe(403);
    }
    expect((await platform.fetchApi(`/v1/tasks/${id}/cancel`, { headers, method: "POST" })).status).toBe(403);
    expect((await platform.fetchApi(`/v1/tasks/${id}`, { headers })).status).toBe(200);
  });
});

test("calls, ends, and what waits are counted", async () => {
  await done({ say: 1 });
  await expect(deployFunction(platform, { ...UNREADY, name: "waits" })).rejects.toThrow();
  const id = await accepted(platform, "waits");
  const queued = (count: number): Promise<string> =>
    waitFor("the count of what waits", async () => {
      const answer = await (await fetch(`${platform.metrics}/metrics`)).text();
      return answer.includes(`hanzo_fn_tasks_queued{function="waits",org="local"} ${count}`) && answer;
    });
  expect(await queued(1)).toMatch(/hanzo_fn_tasks_oldest_age_seconds\{function="waits",org="local"\} /);
  expect((await platform.fetchApi(`/v1/tasks/${id}/cancel`, { method: "POST" })).status).toBe(200);
  const text = await queued(0);
  expect(text).toMatch(/hanzo_fn_tasks_accepted_total\{function="doer",org="local"\} [1-9]/);
  expect(text).toMatch(
    /hanzo_fn_tasks_finished_total\{function="doer",org="local",state="succeeded"\} [1-9]/,
  );
});

describe("a platform that is killed", () => {
  let data: TempDir;
  let one: TestPlatform;
  const start = (): Promise<TestPlatform> => {
    const config = "events:\n  task_backoff: 200ms\nlimits:\n  max_body_bytes: 1Mi\n";
    return startPlatform({ config, dataDir: data.path, env: { DATABASE_URL: "" } });
  };
  beforeAll(async () => {
    data = await tempDir("hfn-async-data-");
    one = await start();
    await deployFunction(one, SLOW);
  });
  afterAll(async () => {
    await one[Symbol.asyncDispose]();
    await data[Symbol.asyncDispose]();
  });

  test("has refused a callback to a private address, and a body over the limit", async () => {
    const headers = { "x-function-callback": "http://127.0.0.1:9/" };
    for (const by of ["api", "invoke"] as const) {
      const closed = await callAsync(one, "slow", { headers, by });
      expect([closed.status, await closed.json()]).toMatchObject([400, { error: "bad_request" }]);
      const long = await callAsync(one, "slow", { body: "x".repeat(1_100_000), by });
      expect([long.status, await long.json()]).toMatchObject([413, { error: "payload_too_large" }]);
    }
  });

  test("with calls that run and calls that wait loses none: each ends once, and has begun no more often than its attempts", async () => {
    const begunOf = async (tasks: readonly string[]): Promise<number[]> => {
      const read = await one.fetchInvoke("/v1/functions/slow/invoke", {
        method: "POST",
        body: JSON.stringify({ read: tasks }),
        headers: { "content-type": "application/json" },
      });
      return (await read.json()) as number[];
    };
    const ids: string[] = [];
    // Two are surely under way when the platform is killed, and the first one has surely ended.
    const isCut = (i: number): boolean => i === 10 || i === 20;
    for (let i = 0; i < 30; i++)
      ids.push(await accepted(one, "slow", call({ sleepMs: 300, note: true, hangFirst: isCut(i) })));
    const first = ids[0] as string;
    await waitFor("the first to end", async () => (await taskOf(one, first)).status === "succeeded");
    const toCut = ids.filter((_, i) => isCut(i));
    await waitFor("those to run", async () => (await begunOf(toCut)).every((begun) => begun > 0));
    await one.kill();
    await one[Symbol.asyncDispose]();
    one = await start();
    const ends = await Promise.all(ids.map((id) => endOf(one, id)));
    expect(new Set(ends.map((task) => task.status))).toEqual(new Set(["succeeded"]));
    const begun = await begunOf(ids);
    for (const [i, task] of ends.entries()) {
      expect(begun[i]).toBeGreaterThan(0);
      expect(begun[i]).toBeLessThanOrEqual(task.attempts);
    }
    // Some were cut and begun anew, and what had ended was not.
    expect(ends.filter((task) => task.attempts === 2).length).toBeGreaterThan(0);
    expect(ends.filter((task) => task.attempts === 1).length).toBeGreaterThan(0);
  }, 240_000);
});
