import { expect, test } from "vitest";
import type { Revocation, Settlement, Source, SourceEvent } from "../delivery/index.ts";
import { createMatchedSource } from "./matched-source.ts";

const signal = new AbortController().signal;
const CREDIT = { events: 10, bytes: 1e6, room: () => 10 };
const QUEUED: SourceEvent = {
  id: "mq:HANZO_FN_INFERENCE:1",
  body: Buffer.from("{}"),
  json: true,
  headers: {
    "hanzo-event-id": "kafka:llm_usage:0:7",
    "hanzo-event-time": "2026-01-02T03:04:05.678Z",
    a: "b",
  },
  attempt: 2,
  ageMs: 5,
  partition: "",
  key: "hanzo-fn.inference.trg_1",
  source: "hanzo-fn.inference.trg_1",
};

/** A queue that has one message, and what it heard of it. */
function setUp(blocked?: string) {
  const settled: Settlement[] = [];
  const extended: SourceEvent[] = [];
  let revoke: (revocation: Revocation) => void = () => {};
  const inner: Source = {
    extendEveryMs: 1000,
    redelivers: true,
    blocked,
    pull: () => Promise.resolve([QUEUED]),
    extend: (events) => Promise.resolve(void extended.push(...events)),
    settle: (settlements) => Promise.resolve(void settled.push(...settlements)),
    onRevoked: (listener) => void (revoke = listener),
  };
  const source = createMatchedSource(inner, "llm_usage", () => "the topic is away");
  return { source, settled, extended, revoke: (one: Revocation) => revoke(one) };
}

test("a match is an event of the topic, under the place of its record", async () => {
  const [event] = await setUp().source.pull(CREDIT, signal);
  expect(event).toEqual({
    ...QUEUED,
    id: "kafka:llm_usage:0:7",
    source: "llm_usage",
    timestamp: "2026-01-02T03:04:05.678Z",
    key: undefined,
    headers: { a: "b" },
  });
});

test("what becomes of it is told to the queue as of its own message, and as the same thing when it is told again", async () => {
  const { source, settled, extended } = setUp();
  const [event] = await source.pull(CREDIT, signal);
  await source.extend([event!], signal);
  expect(extended[0]).toBe(QUEUED);
  const failure = { error: "boom" };
  const retry: Settlement = { kind: "retry", event: event!, delayMs: 1, counted: true, failure };
  await source.settle([retry], signal);
  await source.settle([retry], signal);
  expect(settled[0]).toMatchObject({ kind: "retry", delayMs: 1, counted: true, failure });
  expect(settled[0]?.event).toBe(QUEUED);
  // The queue counts a failure once for each settlement that it sees.
  expect(settled[1]).toBe(settled[0]);
});

test("a message that is somebody else's by now is the very event that was handed out", async () => {
  const { source, revoke } = setUp();
  const revoked: Revocation[] = [];
  source.onRevoked((one) => void revoked.push(one));
  const [event] = await source.pull(CREDIT, signal);
  revoke({ events: [QUEUED], cut: true });
  expect(revoked[0]?.cut).toBe(true);
  expect(revoked[0]?.events[0]).toBe(event);
});

test("its queue, or else the topic, says why nothing comes", () => {
  expect(setUp("the stream is gone").source.blocked).toBe("the stream is gone");
  expect(setUp().source.blocked).toBe("the topic is away");
});
