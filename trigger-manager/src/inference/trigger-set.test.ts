import type { TriggerRow } from "@hanzo-fn/store";
import { settle } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import type { Starts } from "./starts.ts";
import { inferenceTrigger, usage } from "./test-events.ts";
import { createTriggerSet } from "./trigger-set.ts";
import { readUsageEvent } from "./usage-event.ts";

const signal = new AbortController().signal;
const event = readUsageEvent(Buffer.from(usage("r0")))!;

function setUp() {
  const rows = new Map<string, TriggerRow>();
  const pinned = new Map<string, Starts>();
  const at = { end: 0, loads: 0 };
  /** Reads wait until they are let go, in whatever order. */
  const held: { readonly let: () => void }[] = [];
  let isHolding = false;
  const step = async <T>(read: () => T): Promise<T> => {
    const found = read();
    if (isHolding) await new Promise<void>((resolve) => void held.push({ let: resolve }));
    return found;
  };
  const set = createTriggerSet({
    store: {
      triggers: {
        liveSignature: () => step(() => [...rows.keys()].join()),
        live() {
          at.loads += 1;
          return step(() => [...rows.values()]);
        },
      } as never,
      streamOffsets: {} as never,
    },
    positions: {
      now: () => Promise.resolve(new Map([[0, at.end]])),
      pin: (_, id, starts) => Promise.resolve(void (pinned.has(id) || pinned.set(id, starts))),
      pinned: () => Promise.resolve(new Map(pinned)),
    },
    seesAll: () => false,
  });
  return {
    set,
    at,
    held,
    hold: (value: boolean) => void (isHolding = value),
    deploy(id: string, start?: number) {
      rows.set(id, { id, org: "acme", function: "f", spec: inferenceTrigger() } as unknown as TriggerRow);
      if (start !== undefined) pinned.set(id, new Map([[0, start]]));
    },
    remove: (id: string) => void rows.delete(id),
    wanting: (offset: number) => set.wanting(event, 0, offset).map(({ id }) => id),
  };
}

test("triggers are read where they are others, and a trigger sees records from its start on", async () => {
  const { set, at, deploy, remove, wanting } = setUp();
  await set.refresh(signal);
  expect(set.size).toBe(0);
  deploy("trg_1", 5);
  at.end = 8;
  deploy("trg_2", 8);
  await set.refresh(signal);
  expect([4, 5, 7, 8].map(wanting)).toEqual([[], ["trg_1"], ["trg_1"], ["trg_1", "trg_2"]]);
  await set.refresh(signal);
  expect(at.loads).toBe(2);
  remove("trg_1");
  await set.refresh(signal);
  expect(wanting(8)).toEqual(["trg_2"]);
});

test("a trigger that was recorded without a start begins now, and keeps that", async () => {
  const { set, at, deploy, wanting } = setUp();
  at.end = 3;
  deploy("trg_1");
  await set.refresh(signal);
  at.end = 100;
  deploy("trg_2");
  await set.refresh(signal);
  expect([2, 3, 99, 100].map(wanting)).toEqual([[], ["trg_1"], ["trg_1"], ["trg_1", "trg_2"]]);
});

test("starts in a log that was made anew mean nothing, once it is doubted", async () => {
  const { set, at, deploy, wanting } = setUp();
  at.end = 50;
  deploy("trg_1", 50);
  await set.refresh(signal);
  expect(wanting(2)).toEqual([]);
  at.end = 3;
  set.doubt();
  await set.refresh(signal);
  expect(wanting(2)).toEqual(["trg_1"]);
});

test("a look that began before another one does not undo it", async () => {
  const { set, held, hold, deploy, wanting } = setUp();
  deploy("trg_1", 0);
  hold(true);
  const older = set.refresh(signal);
  await settle();
  held.pop()?.let();
  await settle();
  // It has read the triggers as they were.
  deploy("trg_2", 0);
  const newer = set.refresh(signal);
  // The latest read first, more often than there are any.
  for (let i = 0; i < 10; i++) {
    held.pop()?.let();
    await settle();
  }
  await Promise.all([older, newer]);
  expect(wanting(0)).toEqual(["trg_1", "trg_2"]);
});
