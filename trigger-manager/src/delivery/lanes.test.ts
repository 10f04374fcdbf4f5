import { describe, expect, it } from "vitest";
import { hold, type Held } from "./held.ts";
import { createLanes, type Lanes, type LaneSettings, type Unit } from "./lanes.ts";

const settings: LaneSettings = {
  ordering: "none",
  batchSize: 3,
  maxBatchBytes: 10_000,
  maxBatchWaitMs: 100,
};

/** `a1` is an event of key a in partition 0, `a1@2` one in partition 2, `-1` one without a key. */
function held(name: string, now = 0, bytes = 1): Held {
  const [id = "", partition = "0"] = name.split("@");
  const key = id.startsWith("-") ? undefined : id[0];
  const body = Buffer.alloc(bytes);
  const event = {
    id: name,
    body,
    json: true,
    headers: {},
    attempt: 1,
    ageMs: 0,
    partition,
    key,
    source: "s",
  };
  return hold(event, now);
}
const names = (unit: Unit | undefined): string | undefined => unit?.events.map(({ id }) => id).join(" ");
const put = (lanes: Lanes, text: string, now = 0): void =>
  lanes.add(text.split(" ").map((name) => held(name, now)));

describe("a batch", () => {
  it("goes when it is full, and otherwise when its oldest event has waited long enough", () => {
    const lanes = createLanes(settings);
    put(lanes, "a1 a2 a3 a4", 10);
    expect(names(lanes.take(10))).toBe("a1 a2 a3");
    expect(lanes.take(109)).toBeUndefined();
    expect(lanes.nextAt(109)).toBe(110);
    put(lanes, "a5", 105);
    expect(names(lanes.take(110))).toBe("a4 a5");
    expect(lanes.nextAt(110)).toBeUndefined();
    expect(lanes.size).toBe(0);
  });

  it("ends before it grows too large, and one event alone may be larger", () => {
    const lanes = createLanes({ ...settings, maxBatchBytes: 2000 });
    lanes.add([held("a1", 0, 5000), held("a2", 0, 400), held("a3", 0, 400), held("a4", 0, 400)]);
    expect(names(lanes.take(0))).toBe("a1");
    expect(names(lanes.take(0))).toBe("a2 a3");
    expect(lanes.take(99)).toBeUndefined();
    expect(names(lanes.take(100))).toBe("a4");
  });
});

describe("in partition order", () => {
  const ordered = { ...settings, ordering: "partition" } as const;

  it("a batch is of one partition, of which one runs at a time, and partitions take turns", () => {
    const lanes = createLanes(ordered);
    put(lanes, "a1@0 a2@0 a3@0 a4@0 a5@0 a6@0 b1@1 b2@1 b3@1 c1@2");
    const first = lanes.take(0);
    expect(names(first)).toBe("a1@0 a2@0 a3@0");
    expect(names(lanes.take(0))).toBe("b1@1 b2@1 b3@1");
    expect(lanes.take(0)).toBeUndefined();
    lanes.finish(first!, []);
    expect(names(lanes.take(0))).toBe("a4@0 a5@0 a6@0");
    expect(names(lanes.take(100))).toBe("c1@2");
  });

  it("what is tried again goes before all that came later, in its order, when it is due", () => {
    const lanes = createLanes(ordered);
    put(lanes, "a1 a2 a3 a4 a5 a6 b1@1 b2@1 b3@1");
    const unit = lanes.take(0)!;
    lanes.finish(unit, [
      { events: unit.events.slice(0, 2), dueAtMs: 50 },
      { events: unit.events.slice(2), dueAtMs: 0 },
    ]);
    expect(names(lanes.take(0))).toBe("b1@1 b2@1 b3@1");
    expect(lanes.take(49)).toBeUndefined();
    expect(lanes.nextAt(49)).toBe(50);
    const first = lanes.take(50)!;
    expect(names(first)).toBe("a1 a2");
    expect(lanes.take(50)).toBeUndefined();
    lanes.finish(first, []);
    const second = lanes.take(50)!;
    expect(names(second)).toBe("a3");
    lanes.finish(second, []);
    expect(names(lanes.take(50))).toBe("a4 a5 a6");
  });
});

describe("in key order", () => {
  const keyed = { ...settings, ordering: "key" } as const;

  it("a batch mixes keys, and only the keys of a running batch wait", () => {
    const lanes = createLanes(keyed);
    put(lanes, "a1 b1 a2 a3 c1 d1 -1");
    const first = lanes.take(0)!;
    expect(names(first)).toBe("a1 a2 a3");
    put(lanes, "a4 -2");
    const second = lanes.take(0)!;
    expect(names(second)).toBe("b1 c1 d1");
    expect(names(lanes.take(100))).toBe("-1 -2");
    lanes.finish(first, [{ events: [first.events[2]!], dueAtMs: 500 }]);
    expect(lanes.take(499)).toBeUndefined();
    expect(names(lanes.take(500))).toBe("a3");
    lanes.finish(second, []);
    expect(lanes.size).toBe(1);
  });
});

describe("without order", () => {
  it("nothing waits for what is tried again", () => {
    const lanes = createLanes(settings);
    put(lanes, "a1 a2 a3 a4 a5 a6");
    const unit = lanes.take(0)!;
    lanes.finish(unit, [
      { events: unit.events.slice(0, 2), dueAtMs: 0 },
      { events: unit.events.slice(2), dueAtMs: 0 },
    ]);
    expect(["a1 a2", "a3", "a4 a5 a6", undefined]).toEqual([1, 2, 3, 4].map(() => names(lanes.take(0))));
  });
});

it("takes out what is not to be delivered, wherever it waits, and lets what waited for it go", () => {
  const lanes = createLanes({ ...settings, ordering: "partition" });
  put(lanes, "a1 a2 a3 a4 b1@1 b2@1");
  const unit = lanes.take(0)!;
  lanes.finish(unit, [{ events: unit.events, dueAtMs: 1000 }]);
  const gone = new Set(["a1", "a2", "a3", "b1@1"]);
  expect(lanes.remove(({ id }) => gone.has(id)).map(({ id }) => id)).toEqual(["a1", "a2", "a3", "b1@1"]);
  expect(lanes.size).toBe(2);
  expect(names(lanes.take(100))).toBe("b2@1");
  expect(names(lanes.take(100))).toBe("a4");
  expect(lanes.size).toBe(0);
});

it("says how many events wait for company only", () => {
  const lanes = createLanes({ ...settings, ordering: "key" });
  put(lanes, "a1 a2 b1 c1 c2");
  expect(lanes.open).toBe(5);
  const unit = lanes.take(0)!;
  expect(names(unit)).toBe("a1 a2 b1");
  put(lanes, "a3");
  expect([lanes.open, lanes.size]).toEqual([2, 3]);
  lanes.finish(unit, []);
  expect(lanes.open).toBe(3);
});
