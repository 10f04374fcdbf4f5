import { expect, it } from "vitest";
import { createBudget } from "./budget.ts";

it("has room for so many calls, and wakes those who wait, once", () => {
  const budget = createBudget({ calls: 2, bytes: 10 });
  expect([budget.startCall(), budget.startCall(), budget.startCall()]).toEqual([true, true, false]);
  let woken = 0;
  budget.waitFree(() => {
    woken += 1;
    expect(budget.startCall()).toBe(true);
  });
  budget.endCall();
  budget.endCall();
  expect(woken).toBe(1);
});

it("counts bytes beyond its limit, and says so when some are given back", () => {
  const budget = createBudget({ calls: 1, bytes: 10 });
  budget.addBytes(25);
  expect(budget.freeBytes).toBe(0);
  let woken = 0;
  budget.waitFree(() => void (woken += 1));
  budget.addBytes(-20);
  expect([woken, budget.freeBytes]).toEqual([1, 5]);
});
