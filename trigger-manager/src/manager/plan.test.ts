import type { FunctionAggregate, TriggerRow } from "@hanzo-fn/store";
import { expect, it } from "vitest";
import { CRON } from "../test-setup.ts";
import type { TriggerKind } from "./kind.ts";
import { planOf } from "./plan.ts";

const kinds = new Map([["cron", { type: "cron", attempts: () => 5 } as unknown as TriggerKind]]);

const trigger = (id: string, more: Partial<TriggerRow> = {}): TriggerRow =>
  ({
    id,
    org: "acme",
    function: "f",
    type: "cron",
    state: "active",
    spec: CRON,
    ...more,
  }) as unknown as TriggerRow;

const functionOf = (revisions: readonly object[]): FunctionAggregate =>
  ({ function: { scaling: { maxInstances: 4 } }, revisions, triggers: [] }) as unknown as FunctionAggregate;

const SERVING = functionOf([
  { number: 3, percent: 0, resources: { timeoutMs: 900_000, concurrency: 50 } },
  { number: 2, percent: 10, resources: { timeoutMs: 60_000, concurrency: 2 } },
  { number: 1, percent: 90, resources: { timeoutMs: 5000, concurrency: 10 } },
]);

it("the longest time and the most at once of the revisions that take calls make the settings", () => {
  const { deliveries, blocked } = planOf(SERVING, [trigger("a")], kinds);
  expect(blocked.size).toBe(0);
  expect(deliveries).toMatchObject([
    {
      trigger: { id: "a" },
      serving: [2, 1],
      settings: { attempts: 3, maxConcurrency: 40, deadlineMs: 125_000 },
    },
  ]);
});

it("what is paused is left alone, what is deleted removed, and other types are none of ours", () => {
  const rows = [
    trigger("a", { state: "paused" }),
    trigger("b", { state: "deleting" }),
    trigger("c", { type: "http" }),
    trigger("d", { state: "blocked" }),
  ];
  const plan = planOf(SERVING, rows, kinds);
  expect(plan.deliveries.map(({ trigger: { id } }) => id)).toEqual(["d"]);
  expect(plan.removals.map(({ id }) => id)).toEqual(["b"]);
});

it("without a revision that takes calls triggers are blocked, and those of a function that is gone go", () => {
  const failed = functionOf([{ number: 1, percent: 0, state: "failed" }]);
  expect(planOf(failed, [trigger("a")], kinds).blocked.get("a")).toBe("no revision of f takes calls");
  const building = functionOf([{ number: 1, percent: 0, state: "building" }]);
  expect(planOf(building, [trigger("a")], kinds)).toMatchObject({ deliveries: [], blocked: new Map() });
  const gone = planOf(undefined, [trigger("b", { state: "deleting" })], kinds);
  expect([gone.deliveries, gone.removals.map(({ id }) => id)]).toEqual([[], ["b"]]);
});

it("a wish is the same as long as nothing of it has changed", () => {
  const words = (aggregate: FunctionAggregate, more: object = {}) =>
    planOf(aggregate, [trigger("a", more)], kinds).deliveries[0]?.words;
  expect(words(SERVING)).toBe(words(SERVING, { lastError: "boom", state: "blocked" }));
  expect(words(SERVING)).not.toBe(words(SERVING, { spec: { ...CRON, overlap: "allow" } }));
  expect(words(SERVING)).not.toBe(words(functionOf(SERVING.revisions.slice(1, 2))));
});
