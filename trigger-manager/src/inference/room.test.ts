import { type ErrorCode, PlatformError } from "@hanzo-fn/contract";
import { createFakeClock, recordingLog } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { inferenceTrigger } from "./test-events.ts";
import type { Matched } from "./matches.ts";
import { createRoom } from "./room.ts";

const signal = new AbortController().signal;
const trigger: Matched = { id: "trg_1", org: "acme", function: "f", spec: inferenceTrigger() };

function setUp(limit: number) {
  const clock = createFakeClock();
  const log = recordingLog();
  const queue = { items: 0, isThere: true, asked: 0, bound: 0, code: undefined as ErrorCode | undefined };
  const matches = {
    lags() {
      queue.asked += 1;
      const lag = { items: queue.items, ms: 0, position: 0 };
      return Promise.resolve(new Map(queue.isThere ? [[trigger.id, lag]] : []));
    },
    bind() {
      queue.bound += 1;
      if (queue.code !== undefined) return Promise.reject(new PlatformError(queue.code, "no consumer"));
      return Promise.resolve({} as never);
    },
  };
  const room = createRoom({ matches, clock, log }, { limit });
  const take = async (count: number): Promise<number> => {
    let taken = 0;
    for (let i = 0; i < count; i++) if (await room.take(trigger, signal)) taken += 1;
    return taken;
  };
  return { clock, log, queue, room, take };
}

test("a trigger has room up to the limit, and is looked up once for a tenth of it", async () => {
  const { queue, take } = setUp(100);
  expect(await take(10)).toBe(10);
  expect(queue.asked).toBe(1);
  queue.items = 10;
  expect(await take(1)).toBe(1);
  expect(queue.asked).toBe(2);
  // What others publish counts with the next look.
  queue.items = 95;
  expect(await take(30)).toBe(9 + 5);
});

test("a trigger without room is looked up once in a second, and has room again when its matches are done", async () => {
  const { clock, log, queue, take } = setUp(100);
  queue.items = 100;
  expect(await take(50)).toBe(0);
  expect(queue.asked).toBe(1);
  expect(log.lines.length).toBe(1);
  queue.items = 0;
  expect(await take(1)).toBe(0);
  await clock.advance(1000);
  expect(await take(1)).toBe(1);
});

test("a queue that is missing is made before anything is published to it", async () => {
  const { queue, room, take } = setUp(100);
  queue.isThere = false;
  expect(await take(5)).toBe(5);
  expect(queue.bound).toBe(1);
  room.forget(trigger.id);
  expect(await take(1)).toBe(1);
  expect(queue.bound).toBe(2);
});

test("a broker that is away is no room; a consumer that is in the way is no reason to hold up the others", async () => {
  const { queue, room, take } = setUp(100);
  queue.isThere = false;
  queue.code = "unavailable";
  await expect(room.take(trigger, signal)).rejects.toMatchObject({ code: "unavailable" });
  queue.code = "conflict";
  expect(await take(3)).toBe(3);
});
