import type { NewDeadLetter, Store } from "@hanzo-fn/store";
import { createFakeClock, recordingLog } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import type { DeadLetter } from "../delivery/index.ts";
import { type Destinations, destinationsOf } from "../destinations.ts";
import { keepingPublishers } from "../test-publishers.ts";
import { CRON } from "../test-setup.ts";
import type { TriggerKind } from "./kind.ts";
import { parkOf } from "./letters.ts";

const trigger = { id: "trg_1", org: "Acme", function: "f", spec: CRON };

const letter = (body: Buffer): DeadLetter => ({
  event: {
    ...{ id: "mq:s:1", body, json: true, headers: {}, attempt: 3, ageMs: 0, partition: "", source: "mq.a.b" },
  },
  reason: "attempts",
  failure: { status: 500, error: "boom" },
  attempts: 3,
  firstFailedAtMs: 1000,
  lastFailedAtMs: 2000,
});

function bench(kind: Partial<TriggerKind>, destinations: Destinations = destinationsOf(undefined)) {
  const rows: NewDeadLetter[] = [];
  const done: string[] = [];
  const deadLetters = {
    keep: (row: NewDeadLetter) => {
      rows.push(row);
      return Promise.resolve({ id: "dl_first", published: false });
    },
    markPublished: (id: string) => Promise.resolve(void done.push(`marked ${id}`)),
  };
  const blobs = {
    putIfAbsent: (key: string) =>
      Promise.resolve(void done.push(`stored ${key}`)).then(() => "stored" as const),
  };
  const published = keepingPublishers();
  const deps = {
    ...{ store: { deadLetters } as unknown as Store, blobs, clock: createFakeClock(), log: recordingLog() },
    publishers: published.publishers,
  };
  const park = parkOf(deps, kind as TriggerKind, { trigger, destinations });
  return {
    rows,
    done,
    messages: published.messages,
    park: (body: Buffer) => park(letter(body), new AbortController().signal),
  };
}

it("an event is kept as it came, with why and when it was given up", async () => {
  const { rows, done, park } = bench({});
  await park(Buffer.from("{}"));
  expect(rows).toMatchObject([
    {
      ...{ org: "Acme", function: "f", triggerId: "trg_1", eventId: "mq:s:1", source: "mq.a.b", json: true },
      ...{ reason: "attempts", attempts: 3, status: 500, error: "boom", payload: Buffer.from("{}") },
      ...{ firstFailedAt: new Date(1000), lastFailedAt: new Date(2000) },
    },
  ]);
  expect(rows[0]?.id).toMatch(/^dl_[0-9A-Z]{26}$/);
  expect(done).toEqual([]);
});

it("a long body is a blob of the event, the same however often it is parked", async () => {
  const { rows, done, park } = bench({});
  const body = Buffer.alloc(256 * 1024 + 1);
  await park(body);
  await park(body);
  const key = rows[0]?.payloadRef;
  expect(key).toMatch(/^acme\/letters\/[0-9a-f]{64}$/);
  expect(rows.map(({ payload, payloadRef }) => [payload, payloadRef])).toEqual([
    [undefined, key],
    [undefined, key],
  ]);
  expect(done).toEqual([`stored ${key}`, `stored ${key}`]);
});

it("where its kind has dead letters of its own the event is published there, and the row that was first is marked", async () => {
  const { done, park } = bench({
    publishParked: ({ id }, { event }) => Promise.reject(new Error(`${id} ${event.id}: no broker`)),
  });
  await expect(park(Buffer.from("{}"))).rejects.toThrow("trg_1 mq:s:1: no broker");
  expect(done).toEqual([]);
  const again = bench({ publishParked: () => Promise.resolve() });
  await again.park(Buffer.from("{}"));
  expect(again.done).toEqual(["marked dl_first"]);
});

it("the destination of what failed is told after the row is kept, with the event and why it was given up", async () => {
  const { done, messages, park } = bench({}, { onSuccess: undefined, onFailure: "mq.failed.things" });
  await park(Buffer.from('{"n":1}'));
  expect(done).toEqual(["marked dl_first"]);
  expect(messages).toMatchObject([{ target: "mq.failed.things", id: "Acme/fn/f/failure:mq:s:1" }]);
  const { data, source } = JSON.parse(Buffer.from(messages[0]!.body).toString()) as Record<string, unknown>;
  expect([source, data]).toEqual([
    "fn/f",
    {
      ...{ function: "f", trigger: { id: "trg_1", type: "cron" }, event: "mq:s:1", source: "mq.a.b" },
      ...{ reason: "attempts", attempts: 3, status: 500, error: "boom", data: { n: 1 } },
    },
  ]);
});
