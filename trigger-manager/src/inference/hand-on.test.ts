import type { Message } from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import { createFakeClock, recordingLog, settle } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import type { SourceEvent } from "../delivery/index.ts";
import { inferenceTrigger, usage } from "./test-events.ts";
import { createHandOn } from "./hand-on.ts";
import type { Matched } from "./matches.ts";

const trigger = (id: string): Matched => ({ id, org: "acme", function: "f", spec: inferenceTrigger() });
const record = (offset: number, body = usage(`r${offset}`)): SourceEvent => ({
  ...{
    id: `log:llm_usage:0:${offset}`,
    body: Buffer.from(body),
    json: true,
    headers: {},
    attempt: 1,
    ageMs: 0,
  },
  ...{ partition: "0", source: "llm_usage", timestamp: "2026-01-02T03:04:05.678Z" },
});

function setUp(more: { full?: ReadonlySet<string>; answer?: (message: Message) => Promise<unknown> } = {}) {
  const clock = createFakeClock();
  const kept: string[] = [];
  const counted: string[] = [];
  const blocked: (string | undefined)[] = [];
  const live = new Set(["trg_1", "trg_2"]);
  const handOn = createHandOn({
    set: {
      wanting: () => [...live].map(trigger),
      has: (id) => live.has(id),
      refresh: () => Promise.resolve(),
    },
    room: {
      take: ({ id }) => Promise.resolve(more.full?.has(id) !== true),
      forget: (id) => void counted.push(`forgot ${id}`),
    },
    publisher: {
      async publish(message) {
        await more.answer?.(message);
        kept.push(`${message.headers["hanzo-event-id"]} ${message.target}`);
        return { place: "S:1", duplicate: false };
      },
    },
    metrics: {
      record: (outcome) => void counted.push(outcome),
      match: (outcome) => void counted.push(outcome),
    },
    clock,
    log: recordingLog(),
    blocked: (reason) => void blocked.push(reason),
  });
  return { clock, kept, counted, blocked, live, handOn };
}

const patient = new AbortController().signal;
const ok = (): Promise<void> => Promise.resolve();
const away = (): Promise<never> => Promise.reject(new PlatformError("unavailable", "NATS is away"));

test("each match of a record is published, and what is no usage event is counted and passed by", async () => {
  const { handOn, kept, counted } = setUp();
  await handOn([record(1), record(2, "no json")], () => true, patient);
  expect(kept).toEqual([
    "log:llm_usage:0:1 hanzo-fn.inference.trg_1",
    "log:llm_usage:0:1 hanzo-fn.inference.trg_2",
  ]);
  expect(counted).toEqual(["matched", "unreadable", "handed_on", "handed_on"]);
});

test("a trigger without room loses its match, and its neighbour does not", async () => {
  const { handOn, kept, counted } = setUp({ full: new Set(["trg_1"]) });
  await handOn([record(1)], () => true, patient);
  expect(kept).toEqual(["log:llm_usage:0:1 hanzo-fn.inference.trg_2"]);
  expect(counted).toContain("over_limit");
});

test("a broker that is away is tried until it takes every match, and what it took is not sent again", async () => {
  let isAway = true;
  const answer = ({ target }: Message) => (isAway && target.endsWith("trg_2") ? away() : Promise.resolve());
  const { clock, handOn, kept, counted, blocked } = setUp({ answer });
  let isDone = false;
  const work = handOn([record(1)], () => true, patient).then(() => (isDone = true));
  await settle();
  await clock.advance(1000);
  expect([isDone, kept.length, blocked.at(-1)]).toEqual([false, 1, "NATS is away"]);
  expect(counted).toContain("forgot trg_2");
  isAway = false;
  await clock.advance(10_000);
  await work;
  expect(kept.length).toBe(2);
  expect(blocked.at(-1)).toBeUndefined();
});

test("matches of a partition that is somebody else's by now are left to them", async () => {
  const { clock, handOn, kept } = setUp({ answer: away });
  let isOurs = true;
  const work = handOn([record(1)], () => isOurs, patient);
  await settle();
  isOurs = false;
  await clock.advance(1000);
  await work;
  expect(kept).toEqual([]);
});

test("matches of a trigger that goes while its broker is away are nobody's", async () => {
  const { clock, handOn, kept, live } = setUp({
    answer: ({ target }) => (target.endsWith("_1") ? away() : ok()),
  });
  const work = handOn([record(1)], () => true, patient);
  await settle();
  live.delete("trg_1");
  await clock.advance(1000);
  await work;
  expect(kept).toEqual(["log:llm_usage:0:1 hanzo-fn.inference.trg_2"]);
});

test("a match that the broker will never take is given up", async () => {
  const answer = (): Promise<never> => Promise.reject(new PlatformError("payload_too_large", "too large"));
  const { handOn, counted } = setUp({ answer });
  await handOn([record(1)], () => true, patient);
  expect(counted).toEqual(["matched", "unsendable", "unsendable"]);
});

test("it ends with the signal's reason, and nothing counts as done", async () => {
  const stopping = new AbortController();
  const { handOn } = setUp({ answer: away });
  const work = handOn([record(1)], () => true, stopping.signal);
  await settle();
  stopping.abort(new Error("stopping"));
  await expect(work).rejects.toThrow("stopping");
});
