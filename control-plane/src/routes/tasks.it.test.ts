import { taskListSchema, taskSchema } from "@hanzo-fn/contract/api";
import type { NewTask } from "@hanzo-fn/store";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { deploy, request, startApi, testControl, yaml } from "../test-setup.ts";

let test: Awaited<ReturnType<typeof testControl>>;
let api: Awaited<ReturnType<typeof startApi>>;
/** Told by tests, as a runner in this process would. */
let tell: () => void = () => {};
beforeAll(async () => {
  test = await testControl();
  const control = {
    ...test.control,
    tasks: {
      ...test.control.tasks,
      ended: (_id: string, signal: AbortSignal) =>
        new Promise<void>((resolve) => {
          tell = resolve;
          signal.addEventListener("abort", () => resolve(), { once: true });
        }),
    },
  };
  api = await startApi({ ...test, control });
  await deploy(test.control, await request(test, yaml("f", "/f"), "source"));
});
afterAll(async () => {
  await api[Symbol.asyncDispose]();
  await test[Symbol.asyncDispose]();
});

let made = 0;
async function aTask(more: Partial<NewTask> = {}): Promise<string> {
  const id = `task_${String(++made).padStart(4, "0")}`;
  const kept = { headers: {}, query: "", request_id: "req_1" };
  await test.store.tasks.submit({
    id,
    org: "acme",
    function: "f",
    request: kept,
    expiresInMs: 60_000,
    ...more,
  });
  return id;
}

/** Ends it with this answer. */
async function answered(
  id: string,
  body: { result?: Buffer; resultRef?: string },
  type: string | undefined,
): Promise<void> {
  const [lease] = await test.store.tasks.claim({ owner: "o", leaseMs: 60_000, limit: 1 });
  expect(lease?.id).toBe(id);
  const headers: Record<string, string> = type === undefined ? {} : { "content-type": type };
  const response = { status: 200, headers, bytes: body.result?.length ?? 3 };
  const outcome = { response, ...body };
  await test.store.tasks.settle([{ lease: lease!, to: "succeeded", counts: true, outcome }]);
}
const json = async (path: string, init?: Parameters<typeof api.call>[1]): Promise<unknown> =>
  (await api.call(path, init)).json();

describe("a task", () => {
  it.each([
    ["application/json", '{"a":[1]}', { body: { a: [1] } }],
    ["application/problem+json; charset=utf-8", "[]", { body: [] }],
    ["application/json", "{broken", { body: "{broken" }],
    ["text/plain", "grüße", { body: "grüße" }],
    [undefined, '{"a":1}', { body: '{"a":1}' }],
    ["application/octet-stream", Buffer.from([0xff, 0]), { body: "/wA=", encoding: "base64" }],
  ] as const)("with an answer of type %s shows %j as JSON can", async (type, bytes, shown) => {
    const id = await aTask();
    await answered(id, { result: Buffer.from(bytes) }, type);
    const task = taskSchema.parse(await json(`/v1/tasks/${id}`));
    const url = `/v1/functions/f/tasks/${id}/result`;
    expect(task).toMatchObject({ status: "succeeded", attempts: 1, response: { ...shown, body_url: url } });
    const result = await api.call(url);
    expect(result.headers.get("content-type")).toBe(type ?? "application/octet-stream");
    expect(Buffer.from(await result.arrayBuffer())).toEqual(Buffer.from(bytes));
  });

  it("with its answer in a blob shows where it is, and streams it", async () => {
    const id = await aTask();
    await test.blobs.putIfAbsent("acme/tasks/x/result-1", Buffer.from("big"));
    await answered(id, { resultRef: "acme/tasks/x/result-1" }, "text/plain");
    const task = taskSchema.parse(await json(`/v1/tasks/${id}`));
    expect(task.response).toMatchObject({ body_bytes: 3, body_url: `/v1/functions/f/tasks/${id}/result` });
    expect(task.response).not.toHaveProperty("body");
    const result = await api.call(`/v1/tasks/${id}/result`);
    expect([result.status, result.headers.get("content-length"), await result.text()]).toEqual([
      200,
      "3",
      "big",
    ]);
  });

  it("that has not ended has no result yet, and one that was cancelled has none at all", async () => {
    const id = await aTask();
    expect(await json(`/v1/tasks/${id}/result`)).toMatchObject({ code: 409, error: "not_ready" });
    expect(await json(`/v1/tasks/${id}/cancel`, { method: "POST" })).toMatchObject({ status: "cancelled" });
    expect(await json(`/v1/tasks/${id}/result`)).toMatchObject({ code: 404, error: "not_found" });
  });

  it("is waited for until it ends, as this process hears or sees", async () => {
    const id = await aTask();
    const heard = json(`/v1/tasks/${id}?wait=60s`);
    const seen = json(`/v1/functions/f/tasks/${id}?wait=60s`);
    await test.store.tasks.cancel(id);
    tell();
    expect([await heard, await seen]).toMatchObject([{ status: "cancelled" }, { status: "cancelled" }]);
  });

  it("is waited for no longer than was asked", async () => {
    const id = await aTask();
    expect(await json(`/v1/tasks/${id}?wait=50ms`)).toMatchObject({ status: "queued" });
    expect(await json(`/v1/tasks/${id}?wait=2m`)).toMatchObject({ code: 400, error: "bad_request" });
    await test.store.tasks.cancel(id);
  });

  it("with a callback says how far that is", async () => {
    const callback = { url: "https://example.com/done", host: "example.com:443" };
    const id = await aTask({ callback });
    expect(await json(`/v1/tasks/${id}`)).toMatchObject({
      callback: { url: callback.url, state: "waiting", attempts: 0 },
    });
    await test.store.tasks.cancel(id);
    expect(await json(`/v1/tasks/${id}`)).toMatchObject({ callback: { state: "queued", attempts: 0 } });
  });
});

describe("the list of tasks", () => {
  it("comes in pages, newest first, of one state", async () => {
    const ids = [await aTask(), await aTask(), await aTask()].toReversed();
    for (const id of ids) await test.store.tasks.cancel(id);
    const page = async (query: string) => taskListSchema.parse(await json(`/v1/functions/f/tasks?${query}`));
    const first = await page("limit=2&state=cancelled");
    expect(first.tasks.map((task) => task.task_id)).toEqual(ids.slice(0, 2));
    const next = await page(`limit=1&state=cancelled&after=${first.next}`);
    expect(next.tasks.map((task) => task.task_id)).toEqual(ids.slice(2));
    expect(await page("state=running")).toEqual({ tasks: [] });
  });

  it("of a function that does not exist is not found", async () => {
    expect(await json("/v1/functions/absent/tasks")).toMatchObject({ code: 404, error: "not_found" });
  });
});
