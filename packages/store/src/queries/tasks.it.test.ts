import { exerciseQueue } from "../queue/conformance.ts";
import { LANES } from "../queue/conformance-bench.ts";
import type { TaskTypes } from "./tasks.ts";

const org = "acme";

exerciseQueue<TaskTypes>("tasks", {
  table: "tasks",
  finals: ["succeeded", "failed", "cancelled", "timeout", "expired"],
  queue: (store) => store.tasks,
  async add(store, n) {
    const id = `task_${n}`;
    await store.tasks.submit({ id, org, function: `f-${n % LANES}`, request: {}, expiresInMs: 1000 });
  },
  key: (n) => ({ id: `task_${n}` }),
  lane: (lane) => ({ org, function: `f-${lane}` }),
  number: ({ id }) => Number(id.slice(5)),
  outcomes: [
    { response: { status: 200 }, result: Buffer.from([0, 255, 92]) },
    { error: { code: "timeout", message: 'it\'s "late"' }, resultRef: "ref" },
  ],
});
