import { expect, test } from "vitest";
import { exerciseQueue } from "../queue/conformance.ts";
import { LANES } from "../queue/conformance-bench.ts";
import { testStore } from "../test-setup.ts";
import type { TaskCallbackTypes } from "./task-callbacks.ts";

const org = "acme";
const callbackTo = (n: number) => ({ url: `https://h-${n % LANES}/`, host: `h-${n % LANES}:443` });
const aTask = (n: number) => ({
  ...{ id: `task_${n}`, org, function: "f", request: {}, expiresInMs: 1000 },
  callback: callbackTo(n),
});

exerciseQueue<TaskCallbackTypes>("task callbacks", {
  table: "task_callbacks",
  finals: ["delivered", "failed"],
  queue: (store) => store.taskCallbacks,
  async add(store, n) {
    await store.tasks.submit(aTask(n));
    await store.tasks.withdraw([{ id: `task_${n}` }], { to: "cancelled", running: true });
  },
  key: (n) => ({ taskId: `task_${n}` }),
  lane: (lane) => ({ org, host: `h-${lane}:443` }),
  number: ({ taskId }) => Number(taskId.slice(5)),
  outcomes: [{ statusCode: 204 }, { statusCode: 500, error: { code: "http_500", message: "no" } }],
});

test("a task with a callback has one row when it has ended, whatever ended it; one without has none", async () => {
  await using t = await testStore();
  const { tasks, taskCallbacks } = t.store;
  for (const n of [1, 2, 3]) await tasks.submit(aTask(n));
  await tasks.submit({ ...aTask(4), callback: undefined });
  const lanes = [{ org, function: "f", limit: 4 }];
  const rows = await tasks.claim({ owner: "o", leaseMs: 60_000, limit: 4, lanes });
  expect(await taskCallbacks.get("task_1")).toBeUndefined();
  const [one, two] = ["task_1", "task_2"].map((id) => rows.find((row) => row.id === id)!);
  await tasks.settle([{ lease: two!, to: "queued", counts: true, delayMs: 1 }]);
  expect(await taskCallbacks.get("task_2")).toBeUndefined();
  await tasks.settle([{ lease: one!, to: "succeeded", counts: true }]);
  expect(await tasks.cancel("task_3")).toBe(true);
  expect(await tasks.cancel("task_4")).toBe(true);
  expect(await taskCallbacks.get("task_1")).toMatchObject({
    state: "queued",
    url: "https://h-1/",
    function: "f",
  });
  expect(await taskCallbacks.get("task_3")).toMatchObject({ state: "queued" });
  expect(await taskCallbacks.get("task_4")).toBeUndefined();
});
