import { expect, test } from "vitest";
import { planTraffic, scaleShares, type TrafficRevision } from "./traffic.ts";

function revision(
  number: number,
  percent: number,
  lastTrafficAtMs?: number,
  state: TrafficRevision["state"] = "ready",
) {
  return { number, percent, lastTrafficAtMs, state };
}
const shares = (plan: { shares: ReadonlyMap<number, number> }) => Object.fromEntries(plan.shares);

test("10 % for a revision scales the others proportionally", () => {
  const revisions = [revision(1, 60, 1), revision(2, 40, 1), revision(3, 0)];
  expect(shares(planTraffic("f", revisions, { kind: "share", number: 3, percent: 10 }))).toEqual({
    1: 54,
    2: 36,
    3: 10,
  });
});

test("the remainder goes to the revision that held the traffic before where no other has any", () => {
  const revisions = [revision(2, 0, 10), revision(3, 0, 20), revision(4, 100, 30)];
  expect(shares(planTraffic("f", revisions, { kind: "share", number: 4, percent: 10 }))).toEqual({
    3: 90,
    4: 10,
  });
});

test("a share is refused where no other revision can take the remainder", () => {
  const plan = () => planTraffic("f", [revision(1, 100, 1)], { kind: "share", number: 1, percent: 10 });
  expect(plan).toThrow(expect.objectContaining({ code: "no_other_revision" }));
});

test("a failed revision gets no traffic and the answer says why", () => {
  const failed = {
    ...revision(2, 0, undefined, "failed"),
    failure: { code: "load_failed", message: "boom" },
  } as const;
  const plan = () =>
    planTraffic("f", [revision(1, 100, 1), failed], { kind: "share", number: 2, percent: 5 });
  expect(plan).toThrow(
    expect.objectContaining({ code: "not_ready", message: expect.stringContaining("boom") }),
  );
});

test("a split must sum to 100", () => {
  const wish = {
    kind: "split",
    shares: new Map([
      [1, 90],
      [2, 20],
    ]),
  } as const;
  expect(() => planTraffic("f", [revision(1, 100, 1), revision(2, 0)], wish)).toThrow(
    expect.objectContaining({ code: "bad_request" }),
  );
});

test("latest returns to the newest ready revision", () => {
  const revisions = [revision(1, 100, 1), revision(2, 0), revision(3, 0, undefined, "failed")];
  const plan = planTraffic("f", revisions, { kind: "latest" });
  expect(plan.mode).toBe("latest");
  expect(shares(plan)).toEqual({ 2: 100 });
});

test("a rollback of a canary returns to the stable revision, and of a promotion to the one before", () => {
  const canary = [revision(3, 90, 5), revision(4, 10, 5)];
  expect(shares(planTraffic("f", canary, { kind: "rollback" }))).toEqual({ 3: 100 });
  const promoted = [revision(2, 0, 1), revision(3, 0, 2), revision(4, 100, 3)];
  expect(shares(planTraffic("f", promoted, { kind: "rollback" }))).toEqual({ 3: 100 });
});

test("a rollback never goes forward", () => {
  const revisions = [revision(3, 100, 5), revision(4, 0, 4)];
  expect(() => planTraffic("f", revisions, { kind: "rollback" })).toThrow(
    expect.objectContaining({ code: "no_other_revision" }),
  );
});

test("an unknown revision is not found", () => {
  expect(() => planTraffic("f", [revision(1, 100, 1)], { kind: "share", number: 9, percent: 5 })).toThrow(
    expect.objectContaining({ code: "not_found" }),
  );
});

test("scaled shares are whole percents that keep the sum", () => {
  const scaled = scaleShares(
    [
      [1, 1],
      [2, 1],
      [3, 1],
    ],
    100,
  );
  expect([...scaled.values()].toSorted()).toEqual([33, 33, 34]);
});
