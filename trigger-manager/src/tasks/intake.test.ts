import type { TaskCall } from "@hanzo-fn/contract";
import type { Blobs, BlobSource } from "@hanzo-fn/blobs";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { NewTask, TaskSubmission } from "@hanzo-fn/store";
import { describe, expect, test } from "vitest";
import { createTaskIntake } from "./intake.ts";

const NEVER = new AbortController().signal;
const LARGE = 300_000;

/** Blobs in memory, of which only what a task needs works. */
function memoryBlobs() {
  const kept = new Map<string, number>();
  const refuse = (): never => {
    throw new Error("not asked for");
  };
  const blobs: Blobs = {
    async putIfAbsent(key: string, source: BlobSource) {
      let bytes = 0;
      for await (const chunk of source as AsyncIterable<Uint8Array>) bytes += chunk.length;
      kept.set(key, bytes);
      return "stored";
    },
    delete: (key) => Promise.resolve(kept.delete(key)),
    get: refuse,
    head: refuse,
    list: refuse,
  };
  return { kept, blobs };
}

function setUp({ waiting = 0, submission }: { waiting?: number; submission?: TaskSubmission } = {}) {
  const submitted: NewTask[] = [];
  const statements: number[] = [];
  const accepted: string[] = [];
  const { kept, blobs } = memoryBlobs();
  const accept = createTaskIntake(
    {
      blobs,
      clock: systemClock,
      tasks: {
        submit(task) {
          submitted.push(task);
          return Promise.resolve(submission ?? { accepted: "new", id: task.id });
        },
        add(tasks) {
          statements.push(tasks.length);
          submitted.push(...tasks);
          return Promise.resolve();
        },
      },
      revisions: (_org, name) => (name === "f" ? [1, 2] : undefined),
      queued: () => waiting,
      onAccepted: (org, name) => void accepted.push(`${org}/${name}`),
    },
    {
      ...{ attempts: 3, backoffMs: 1, expiresInMs: 60_000, retentionMs: 5000, concurrency: 1, maxQueued: 10 },
      ...{ maxPayloadBytes: 1_000_000, maxResultBytes: 1, allowPrivate: false },
    },
  );
  return { submitted, statements, accepted, kept, accept };
}

const aCall = (
  headers: TaskCall["headers"] = [],
  more: Partial<TaskCall> & { text?: string } = {},
): TaskCall => ({
  ...{ org: "acme", function: "f", user: "ann", mayPin: false, query: "", requestId: "req_1", headers },
  body: (async function* () {
    yield Buffer.from(more.text ?? "hello");
  })(),
  ...more,
});

describe("a call for later", () => {
  test("is submitted with its body, what it carries and what it asks for", async () => {
    const { accept, submitted, accepted, kept } = setUp();
    const headers = [
      ["content-type", "text/plain"],
      ["x-function-expires-in", "5m"],
      ["idempotency-key", "k"],
    ] as const;
    const { id } = await accept(aCall(headers), NEVER);
    expect(id).toMatch(/^task_[0-9A-HJKMNP-TV-Z]{26}$/);
    expect(submitted).toEqual([
      {
        ...{ id, org: "acme", function: "f", revision: undefined, callback: undefined },
        request: { headers: { "content-type": "text/plain" }, query: "", request_id: "req_1", user: "ann" },
        payload: Buffer.from("hello"),
        payloadRef: undefined,
        expiresInMs: 300_000,
        idempotency: { key: "k", requestHash: expect.stringMatching(/^[0-9a-f]{64}$/), keepMs: 5000 },
      },
    ]);
    expect([accepted, kept.size]).toEqual([["acme/f"], 0]);
  });

  test("with a long body is submitted with where that lies", async () => {
    const { accept, submitted, kept } = setUp();
    const { id } = await accept(aCall([], { text: "x".repeat(LARGE) }), NEVER);
    const key = `acme/tasks/${id.toLowerCase()}/payload`;
    expect(submitted[0]).toMatchObject({ payload: undefined, payloadRef: key });
    expect([...kept]).toEqual([[key, LARGE]]);
  });

  test.each([
    ["the same call that came before", "same", undefined],
    ["another call under a key that is taken", "conflict", /stands for another request/],
  ] as const)("that is %s leaves no body behind, and wakes nobody", async (_, kind, refusal) => {
    const { accept, kept, accepted } = setUp({ submission: { accepted: kind, id: "task_before" } });
    const accepting = accept(aCall([["idempotency-key", "k"]], { text: "x".repeat(LARGE) }), NEVER);
    if (refusal === undefined) expect(await accepting).toEqual({ id: "task_before" });
    else await expect(accepting).rejects.toThrow(refusal);
    expect([kept.size, accepted]).toEqual([0, []]);
  });

  test("shares its statement with others that come at once, but for those with a key", async () => {
    const { accept, submitted, statements, accepted } = setUp();
    const keyed = aCall([["idempotency-key", "k"]]);
    const ids = (
      await Promise.all([aCall(), keyed, aCall(), aCall()].map((call) => accept(call, NEVER)))
    ).map(({ id }) => id);
    expect(statements).toEqual([3]);
    expect(submitted.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(accepted).toHaveLength(4);
  });

  test("may pin a revision where the caller may deploy", async () => {
    const { accept, submitted } = setUp();
    const pin = [["x-function-revision", "f-00002"]] as const;
    await expect(accept(aCall(pin), NEVER)).rejects.toMatchObject({ code: "forbidden" });
    await accept(aCall(pin, { mayPin: true }), NEVER);
    expect(submitted[0]?.revision).toBe(2);
    const unknown = [["x-function-revision", "3"]] as const;
    await expect(accept(aCall(unknown, { mayPin: true }), NEVER)).rejects.toMatchObject({
      code: "not_found",
    });
  });

  test.each([
    ["to a function that does not exist", aCall([], { function: "g" }), {}, "not_found"],
    ["to one that has enough to do", aCall(), { waiting: 10 }, "rate_limited"],
    ["with a body over the limit", aCall([], { text: "x".repeat(1_000_001) }), {}, "payload_too_large"],
    ["with a callback to this machine", aCall([["x-function-callback", "http://[::1]/"]]), {}, "bad_request"],
  ] as const)("%s is refused, and nothing is kept", async (_, call, world, code) => {
    const { accept, submitted, kept } = setUp(world);
    await expect(accept(call, NEVER)).rejects.toMatchObject({ code });
    expect([submitted, kept.size]).toEqual([[], 0]);
  });
});

describe("two requests with one idempotency key", () => {
  const hashOf = async (call: TaskCall): Promise<string | undefined> => {
    const { accept, submitted } = setUp();
    await accept({ ...call, headers: [["idempotency-key", "k"], ...call.headers] }, NEVER);
    return submitted[0]?.idempotency?.requestHash;
  };

  test("are the same where only what belongs to the way differs", async () => {
    const one = aCall([["user-agent", "a"]], { requestId: "req_1" });
    const two = aCall([["user-agent", "b"]], { requestId: "req_2", user: "bob" });
    expect(await hashOf(one)).toBe(await hashOf(two));
  });

  test.each([
    ["body", aCall([], { text: "other" })],
    ["query", aCall([], { query: "?a" })],
    ["type", aCall([["content-type", "text/csv"]])],
    ["expiry", aCall([["x-function-expires-in", "1m"]])],
    ["callback", aCall([["x-function-callback", "https://example.com/"]])],
    ["revision", aCall([["x-function-revision", "1"]], { mayPin: true })],
  ])("are two where the %s differs", async (_, other) => {
    expect(await hashOf(other)).not.toBe(await hashOf(aCall()));
  });
});
