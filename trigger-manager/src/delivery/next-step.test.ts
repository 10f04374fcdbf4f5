import { describe, expect, it } from "vitest";
import type { Verdict } from "./classify.ts";
import { beforeCall, type Decision, nextStep } from "./next-step.ts";
import type { DeliverySettings } from "./settings.ts";

const SETTINGS: DeliverySettings = {
  ordering: "none",
  batchSize: 10,
  maxBatchWaitMs: 0,
  maxBatchBytes: 1_000_000,
  attempts: 3,
  backoff: { initialMs: 1000, factor: 2, maxMs: 3000 },
  on4xx: "retry",
  partialResponse: true,
  maxEventAgeMs: 60_000,
  maxConcurrency: 1,
  deadlineMs: 1000,
};
interface Event {
  readonly id: string;
  readonly attempt: number;
  readonly ageMs: number;
}
/** `a2` is event a at its second attempt. */
const events = (text: string, ageMs = 0): Event[] =>
  text.split(" ").map((name) => ({ id: name[0]!, attempt: Number(name.slice(1)), ageMs }));
const step = { random: 0.5, pauseMs: 4000, ageMs: (event: Event) => event.ageMs };
const answer = { status: 200, headers: [], notDelivered: undefined, body: Buffer.alloc(0), truncated: false };
const failed = (final = false): Verdict => ({ kind: "failed", failure: { status: 500, error: "no" }, final });
const refused: Verdict = { kind: "not_delivered", failure: { status: 503, error: "busy" } };

/** `ack: a`, `again in 500: b c`, `park for attempts: d`; `counted` where it is. */
function short(decision: Decision<Event>): readonly string[] {
  const mark = (counted: boolean): string => (counted ? " counted" : "");
  return [
    ...(decision.ack.length === 0 ? [] : [`ack: ${decision.ack.map(({ id }) => id).join(" ")}`]),
    ...decision.again.map(
      ({ events, delayMs, counted }) =>
        `again in ${delayMs}${mark(counted)}: ${events.map(({ id }) => id).join(" ")}`,
    ),
    ...decision.park.map(({ event, reason, counted }) => `park for ${reason}${mark(counted)}: ${event.id}`),
  ];
}
const after = (list: readonly Event[], verdict: Verdict): readonly string[] =>
  short(nextStep(list, verdict, SETTINGS, step));

it("what succeeded is acknowledged with its answer", () => {
  const decision = nextStep(events("a1 b3"), { kind: "succeeded", answer }, SETTINGS, step);
  expect([short(decision), decision.answer]).toEqual([["ack: a b"], answer]);
});

describe("a failure", () => {
  it("is tried again together, after a wait that grows with its attempts and is drawn from nothing to all of it", () => {
    expect(after(events("a1 b1"), failed())).toEqual(["again in 500 counted: a b"]);
    expect(after(events("a1 b2"), failed())).toEqual(["again in 1000 counted: a b"]);
    const late = { ...SETTINGS, attempts: 99 };
    expect(short(nextStep(events("a9"), failed(), late, { ...step, random: 0 }))).toEqual([
      "again in 0 counted: a",
    ]);
    expect(short(nextStep(events("a9"), failed(), late, step))).toEqual(["again in 1500 counted: a"]);
  });

  it("of a batch with an event at its last attempt halves it without counting", () => {
    expect(after(events("a1 b3 c1"), failed())).toEqual(["again in 0: a b", "again in 0: c"]);
    expect(after(events("a1 b3"), failed())).toEqual(["again in 0: a", "again in 0: b"]);
  });

  it("of an event alone at its last attempt parks it", () => {
    expect(after(events("a3"), failed())).toEqual(["park for attempts counted: a"]);
    expect(after(events("a1", 60_000), failed())).toEqual(["park for expired counted: a"]);
  });

  it("that is final parks an event alone, and halves a batch", () => {
    expect(after(events("a1"), failed(true))).toEqual(["park for rejected counted: a"]);
    expect(after(events("a1 b1"), failed(true))).toEqual(["again in 0: a", "again in 0: b"]);
  });
});

it("of a partial answer every event gets what it deserves", () => {
  const failure = { error: "no" };
  const verdict: Verdict = {
    kind: "partial",
    answer,
    failed: new Map([
      ["b", { failure, final: false }],
      ["c", { failure, final: true }],
      ["d", { failure, final: false }],
    ]),
  };
  expect(after(events("a1 b1 c1 d3"), verdict)).toEqual([
    "ack: a",
    "again in 500 counted: b",
    "park for rejected counted: c",
    "park for attempts counted: d",
  ]);
});

it("what was not delivered never counts and waits for the function, unless it did so for too long", () => {
  expect(after(events("a3 b1"), refused)).toEqual(["again in 4000: a b"]);
  expect(after([...events("a3", 60_000), ...events("b1")], refused)).toEqual([
    "again in 4000: b",
    "park for expired: a",
  ]);
});

it("what cannot be sent is halved, and parked alone, uncounted", () => {
  const verdict: Verdict = { kind: "refused", failure: { status: 413, error: "too large" } };
  expect(after(events("a1 b1 c1"), verdict)).toEqual(["again in 0: a b", "again in 0: c"]);
  expect(after(events("a1"), verdict)).toEqual(["park for unsendable: a"]);
});

it("a call that was cut leaves no trace", () => {
  const decision = nextStep(events("a3 b1"), { kind: "cut" }, SETTINGS, step);
  expect([short(decision), decision.again[0]?.failure]).toEqual([["again in 0: a b"], undefined]);
  expect(decision.again[0]?.interrupted).toBe(true);
});

it("events whose attempts are spent already have no call", () => {
  expect(beforeCall(events("a3 b1"), SETTINGS)).toBeUndefined();
  expect(short(beforeCall(events("a4 b1"), SETTINGS)!)).toEqual(["again in 0: b", "park for attempts: a"]);
});

it("an event that its sender wants delivered no more has no call either", () => {
  const [a, b] = events("a1 b1");
  const decision = beforeCall([{ ...a!, expired: true }, b!], SETTINGS)!;
  expect(short(decision)).toEqual(["again in 0: b", "park for expired: a"]);
  expect(decision.park[0]?.failure.error).toBe("its time to live is over");
});
