import { describe, expect, test } from "vitest";
import type { DeadLetter } from "../delivery/parking.ts";
import type { SourceEvent } from "../delivery/source.ts";
import type { LetterToRedrive } from "../manager/redrive.ts";
import { parkedMessage, redrivenMessage } from "./dead-letters.ts";
import { openMessage } from "./envelope.ts";

const event = (more: Partial<SourceEvent> = {}): SourceEvent => ({
  id: "mq:S:1",
  body: Buffer.from('{"a":12345678901234567890}'),
  json: true,
  headers: { traceparent: "00-a-b-01", "nats-msg-id": "x" },
  attempt: 3,
  ageMs: 1,
  partition: "",
  source: "mq.orders.created",
  ...more,
});
const letter = (of: SourceEvent, error = "boom"): DeadLetter => ({
  event: of,
  reason: "attempts",
  failure: { status: 500, error },
  attempts: 3,
  firstFailedAtMs: 0,
  lastFailedAtMs: 1,
});
const facts = { function: "f", triggerId: "trg_1", target: undefined };

describe("a parked event", () => {
  test("goes to the dead letters of its subject, with why", () => {
    expect(parkedMessage(letter(event(), "no\nway\u{1F600}"), facts)).toEqual({
      target: "mq.dlq.mq.orders.created",
      id: "trg_1/mq:S:1",
      headers: {
        traceparent: "00-a-b-01",
        "X-Original-Subject": "mq.orders.created",
        "X-Error": "no way ",
        "X-Attempts": "3",
        "X-Function-Name": "f",
      },
      body: Buffer.from('{"a":12345678901234567890}'),
    });
    expect(parkedMessage(letter(event()), { ...facts, target: "mq.mine.dead" })?.target).toBe("mq.mine.dead");
  });

  test("of the dead letters themselves goes nowhere", () => {
    expect(parkedMessage(letter(event({ source: "mq.dlq.mq.a.b" })), facts)).toBeUndefined();
  });

  test("of a subject that is too long goes as near as a subject can be", () => {
    const source = `mq.${"a".repeat(200)}.${"b".repeat(51)}`;
    expect(parkedMessage(letter(event({ source })), facts)?.target).toBe(`mq.dlq.mq.${"a".repeat(200)}`);
  });

  test("that came in an envelope is in one again, with the same bytes", () => {
    const text = `{"schema":"hanzo.mq.v1","id":"task_1","type":"orders.created","source":"fn/shop","timestamp":"2026-01-02T03:04:05.678Z","priority":7,"org_id":"acme","data":{"n":12345678901234567890}}`;
    const opened = openMessage(Buffer.from(text), 0);
    const { body, headers } = parkedMessage(letter(event(opened)), facts)!;
    expect(Buffer.from(body).toString()).toBe(text);
    expect(Object.keys(headers).filter((name) => name.startsWith("x-mq"))).toEqual([]);
  });
});

describe("a redriven event", () => {
  const row = (more: Partial<LetterToRedrive>) =>
    ({ id: "dl_1", source: "mq.a.b", headers: { "x-note": "hi" }, json: true, ...more }) as LetterToRedrive;

  test("is a message of its own that names its letter, the same however often it is made", () => {
    expect(redrivenMessage(row({ payload: Buffer.from("1") }))).toEqual({
      target: "mq.a.b",
      id: "redrive/dl_1",
      headers: { "x-note": "hi", "redrive-of": "dl_1" },
      body: Buffer.from("1"),
    });
  });
});
