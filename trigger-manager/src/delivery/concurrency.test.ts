import { expect, it } from "vitest";
import {
  afterDelivery,
  afterRefusal,
  afterStart,
  allowedCalls,
  blockedReason,
  type Concurrency,
  initialConcurrency,
} from "./concurrency.ts";

const MAX = 100;
const succeeded = { succeeded: true, running: 1000 };
const refuse = (state: Concurrency, call = 1, now = 0, random = 0.5): Concurrency =>
  afterRefusal(state, { call, nextCall: call + 10, now, random, reason: "no_capacity" });
const times = (n: number, state: Concurrency, step: (state: Concurrency) => Concurrency): Concurrency =>
  Array.from({ length: n }).reduce<Concurrency>((last) => step(last), state);

it("begins with one call for each instance that is ready, and at least one", () => {
  expect([undefined, 0, 1, 8, 500].map((ready) => initialConcurrency(ready, MAX).limit)).toEqual([
    1, 1, 1, 8, 100,
  ]);
});

it("allows one more call for each round of successes, up to the most", () => {
  const grow = (state: Concurrency): Concurrency => afterDelivery(state, succeeded, MAX);
  expect(allowedCalls(times(4, initialConcurrency(4, MAX), grow), 4, 0)).toBe(5);
  expect(allowedCalls(times(9, initialConcurrency(4, MAX), grow), 4, 0)).toBe(6);
  expect(times(100_000, initialConcurrency(4, MAX), grow).limit).toBe(MAX);
});

it("learns nothing from failures, nor from successes that came one by one", () => {
  const state = initialConcurrency(8, MAX);
  expect(afterDelivery(state, { succeeded: false, running: 8 }, MAX)).toBe(state);
  expect(afterDelivery(state, { succeeded: true, running: 3 }, MAX)).toBe(state);
});

it("halves once for the calls that were refused together", () => {
  const once = refuse(initialConcurrency(16, MAX), 5);
  expect(once.limit).toBe(8);
  expect(refuse(once, 7)).toBe(once);
  expect(refuse(once, 15).limit).toBe(4);
});

it("after a refusal leaves the function alone for a while that grows, then tries one call", () => {
  const once = refuse(initialConcurrency(16, MAX), 1, 1000);
  expect([allowedCalls(once, 4, 1499), allowedCalls(once, 4, 1500)]).toEqual([0, 1]);
  const opens = [1, 2, 3, 12].map(
    (n) => times(n, initialConcurrency(1, MAX), (state) => refuse(state, state.freshFrom, 0, 1)).opensAtMs,
  );
  expect(opens).toEqual([1000, 2000, 4000, 300_000]);
});

it("a call that arrives opens the gate again, also one that fails", () => {
  const open = afterDelivery(refuse(initialConcurrency(16, MAX)), { succeeded: false, running: 1 }, MAX);
  expect(allowedCalls(open, 4, 0)).toBe(8);
});

it("at zero instances allows one call and forgets what it learned before", () => {
  const state = initialConcurrency(16, MAX);
  expect(allowedCalls(state, 0, 0)).toBe(1);
  expect(allowedCalls(afterStart(state, 0), 4, 0)).toBe(1);
  expect(afterStart(state, 4)).toBe(state);
  expect(afterStart(state, undefined)).toBe(state);
});

it("is blocked after five refusals in a row", () => {
  const after = (n: number): Concurrency =>
    times(n, initialConcurrency(1, MAX), (state) => refuse(state, state.freshFrom));
  expect([blockedReason(after(4)), blockedReason(after(5))]).toEqual([undefined, "no_capacity"]);
  expect(blockedReason(afterDelivery(after(5), succeeded, MAX))).toBeUndefined();
});
