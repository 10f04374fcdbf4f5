import type { CronFireRow } from "@hanzo-fn/store";
import { describe, expect, it } from "vitest";
import type { Settlement, SourceEvent } from "../delivery/index.ts";
import { fireEvent, fireSettlement } from "./outcome.ts";

const AT = new Date("2026-01-02T03:04:00.000Z");

const row = (more: Partial<CronFireRow> = {}): CronFireRow => ({
  triggerId: "trg_1",
  scheduledAt: AT,
  org: "acme",
  function: "f",
  atMostOnce: false,
  redriveOf: null,
  statusCode: null,
  error: null,
  state: "running",
  runAt: AT,
  attempt: 1,
  leaseOwner: "me",
  leaseEpoch: 1,
  leaseUntil: null,
  startedAt: AT,
  firstFailedAt: null,
  finishedAt: null,
  createdAt: AT,
  ...more,
});

describe("a fire as an event", () => {
  it("is named by its trigger and time, and carries the payload", () => {
    const event = fireEvent(row(), { schedule: "@daily", payload: '{"a": 1}' });
    expect({ ...event, body: event.body.toString() }).toMatchObject({
      id: "cron:trg_1:2026-01-02T03:04:00.000Z",
      body: '{"a": 1}',
      json: true,
      headers: {},
      attempt: 1,
      ageMs: 0,
      source: "@daily",
      timestamp: "2026-01-02T03:04:00.000Z",
    });
  });

  it("without a payload is an empty object", () => {
    expect(fireEvent(row(), { schedule: "@daily" }).body.toString()).toBe("{}");
  });

  it("says how long it has been failing, and which dead letter it was made from", () => {
    const failing = row({ firstFailedAt: new Date(AT.getTime() - 5000), attempt: 3, redriveOf: "dl_1" });
    const event = fireEvent(failing, { schedule: "@daily" });
    expect(event).toMatchObject({ attempt: 3, ageMs: 5000, headers: { "redrive-of": "dl_1" } });
  });
});

describe("what the record says of a settlement", () => {
  const event = {} as SourceEvent;
  const lease = row();
  const failure = { status: 500, error: "boom" };
  const retry = (more: Partial<Extract<Settlement, { kind: "retry" }>>): Settlement => ({
    ...{ kind: "retry", event, delayMs: 7, counted: true, failure },
    ...more,
  });
  const often = { atMostOnce: false };
  const once = { atMostOnce: true };
  const answer = {
    status: 204,
    headers: [],
    notDelivered: undefined,
    body: Buffer.alloc(0),
    truncated: false,
  };

  it.each([
    ["a success", { kind: "ack", event, answer } as Settlement, { to: "succeeded", counts: true }],
    ["a failure", retry({}), { to: "queued", counts: true, delayMs: 7, outcome: { statusCode: 500 } }],
    ["no delivery", retry({ counted: false }), { to: "queued", counts: false, delayMs: 7 }],
    [
      "the last failure",
      { kind: "park", event, counted: true, failure } as Settlement,
      { to: "failed", counts: true },
    ],
    [
      "spent attempts",
      { kind: "park", event, counted: false, failure } as Settlement,
      { to: "failed", counts: false },
    ],
  ])("%s", (_, settlement, expected) => {
    expect(fireSettlement(lease, settlement, often)).toMatchObject({ lease, ...expected });
  });

  it("an event that was merely given back keeps its place", () => {
    const given = fireSettlement(lease, retry({ counted: false, failure: undefined }), often);
    expect(given).toEqual({ lease, to: "queued", counts: false });
  });

  it("an event that the loop keeps changes nothing", () => {
    const hold = { kind: "hold", event, delayMs: 0, counted: true, failure } as const;
    expect(fireSettlement(lease, hold, often)).toBeUndefined();
  });

  describe("of a run that may run at most once", () => {
    it.each([
      ["no answer", retry({ failure: { error: "reset" } }), "failed"],
      ["the platform's 504", retry({ failure: { status: 504, error: "timeout" } }), "failed"],
      ["the platform's 502", retry({ failure: { status: 502, error: "exited" } }), "failed"],
      ["a call that was cut", retry({ counted: false, failure: undefined, interrupted: true }), "failed"],
      ["an error of its own", retry({}), "queued"],
      ["no delivery", retry({ counted: false, failure: { status: 503, error: "no" } }), "queued"],
      ["an event that was given back", retry({ counted: false, failure: undefined }), "queued"],
    ])("%s", (_, settlement, to) => {
      expect(fireSettlement(lease, settlement, once)?.to).toBe(to);
      expect(fireSettlement(lease, settlement, often)?.to).toBe("queued");
    });
  });
});
