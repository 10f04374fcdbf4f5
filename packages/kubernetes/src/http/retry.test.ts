import { expect, it } from "vitest";
import { type Failure, retryDelayMs } from "./retry.ts";

const backoff = { initialMs: 200, factor: 2, maxMs: 5000 };
const ask = (failure: Failure, idempotent: boolean, attempt = 1): number | undefined =>
  retryDelayMs(failure, { idempotent, attempt, attempts: 5, backoff, random: 0.5 });

it("tries again what does no harm twice: after a lost connection, and after 5xx", () => {
  for (const failure of [{ code: "ECONNRESET" }, { code: "ESILENT" }, { status: 500 }, { status: 503 }]) {
    expect([ask(failure, true), ask(failure, false)]).toEqual([100, undefined]);
  }
});

it("tries anything again that was never sent, or that the server asks to have again", () => {
  expect(ask({ code: "ECONNREFUSED" }, false)).toBe(100);
  expect(ask({ status: 429 }, false)).toBe(100);
  expect(ask({ status: 503, retryAfterSeconds: 2 }, false)).toBe(2000);
});

it("waits as long as the server asks, within reason, and longer after every try", () => {
  expect(ask({ status: 429, retryAfterSeconds: 1 }, true)).toBe(1000);
  expect(ask({ status: 429, retryAfterSeconds: 3600 }, true)).toBe(30_000);
  expect([1, 2, 3, 4, 5].map((attempt) => ask({ status: 500 }, true, attempt))).toEqual([
    100,
    200,
    400,
    800,
    undefined,
  ]);
});

it("does not try again what was refused", () => {
  for (const status of [400, 401, 403, 404, 409, 410, 422])
    expect(ask({ status, retryAfterSeconds: 1 }, true)).toBeUndefined();
});
