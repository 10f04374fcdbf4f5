import { checkNatsMessage } from "@hanzo-fn/brokers";
import { expect, test } from "vitest";
import type { SourceEvent } from "../delivery/index.ts";
import { matchMessage, recordOf } from "./match-message.ts";

const RECORD: SourceEvent = {
  id: "kafka:llm_usage:3:17",
  body: Buffer.from('{"data":{}}'),
  json: true,
  headers: { traceparent: "00-1", "Nats-Msg-Id": "x", "hanzo-event-id": "forged", "X-Function-Trigger": "y" },
  attempt: 1,
  ageMs: 0,
  partition: "3",
  key: "team",
  source: "llm_usage",
  timestamp: "2026-01-02T03:04:05.678Z",
};

/** As a queue hands it out. */
const queued = (headers: Readonly<Record<string, string>>): SourceEvent => ({
  ...RECORD,
  id: "mq:HANZO_FN_INFERENCE:1",
  headers,
  partition: "",
  source: "hanzo-fn.inference.trg_1",
  timestamp: "2026-01-02T04:00:00.000Z",
});

test("a match is a message that the broker takes, and becomes the record again", () => {
  const message = matchMessage(RECORD, "trg_1");
  expect(() => checkNatsMessage(message)).not.toThrow();
  expect(message.target).toBe("hanzo-fn.inference.trg_1");
  const { id, source, timestamp, headers, body } = recordOf(queued(message.headers), "llm_usage");
  expect({ id, source, timestamp, headers, body }).toEqual({
    ...{ id: RECORD.id, source: "llm_usage", timestamp: RECORD.timestamp, body: RECORD.body },
    headers: { traceparent: "00-1" },
  });
});

test("a match is the same message whenever its record is read, and another one for each trigger and each log", () => {
  const of = (over: Partial<SourceEvent>, trigger = "trg_1"): string =>
    matchMessage({ ...RECORD, ...over }, trigger).id;
  const ids = [
    of({}),
    of({}, "trg_2"),
    of({ id: "kafka:llm_usage:3:18" }),
    of({ timestamp: "2026-01-02T03:04:05.679Z" }),
    of({ id: `kafka:${"t".repeat(249)}:3:17` }),
  ];
  expect(new Set(ids).size).toBe(ids.length);
  expect(of({ headers: {} })).toBe(ids[0]);
  for (const id of ids) expect(id.length).toBeLessThanOrEqual(128);
});

test("an event that was redriven has the place and the time that the queue gave it", () => {
  expect(recordOf(queued({ "redrive-of": "dl_1" }), "llm_usage")).toMatchObject({
    ...{ id: "mq:HANZO_FN_INFERENCE:1", source: "llm_usage", timestamp: "2026-01-02T04:00:00.000Z" },
    headers: { "redrive-of": "dl_1" },
  });
});
