import { describe, expect, test } from "vitest";
import { delayAfterFailure, delayAfterNoDelivery } from "./retry.ts";

const BACKOFF = { initialMs: 1000, factor: 2, maxMs: 60_000 };

describe("a failed attempt", () => {
  test.each([
    [1, 1000],
    [2, 2000],
    [4, 8000],
  ])("is followed by another after number %i: within %i ms", (attempt, within) => {
    const policy = { maxAttempts: 5, backoff: BACKOFF };
    expect(delayAfterFailure(policy, { attempt }, 0)).toBe(0);
    expect(delayAfterFailure(policy, { attempt }, 0.999_999)).toBeCloseTo(within, 0);
  });

  test("is the last one where the attempts are used up", () => {
    const policy = { maxAttempts: 3, backoff: BACKOFF };
    expect([2, 3, 4].map((attempt) => delayAfterFailure(policy, { attempt }, 0.5))).toEqual([
      1000,
      undefined,
      undefined,
    ]);
  });
});

test("each delivery that did not happen doubles the delay, failures do not", () => {
  const after = (attempt: number, leaseEpoch: number) =>
    delayAfterNoDelivery(BACKOFF, { attempt, leaseEpoch }, 0.5);
  // The claim that is under way counts until it is given back.
  expect([after(1, 1), after(1, 2), after(1, 3), after(3, 3), after(1, 99)]).toEqual([
    500, 1000, 2000, 500, 30_000,
  ]);
});
