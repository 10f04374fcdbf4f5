import { expect, it } from "vitest";
import { pauseBefore, retryAfterMs, type RetryPolicy } from "./retry.ts";

const policy: RetryPolicy = {
  attempts: 3,
  silentAttempts: 2,
  backoff: { initialMs: 100, factor: 2, maxMs: 1000 },
  longestPauseMs: 5000,
};

it("lost connections, 5xx and 429 are tried again, later each time, and not for ever", () => {
  for (const setback of [
    { kind: "lost" },
    { kind: "status", status: 503 },
    { kind: "status", status: 429 },
  ] as const) {
    expect(pauseBefore(setback, 1, policy, 0.5)).toBe(50);
    expect(pauseBefore(setback, 2, policy, 0.5)).toBe(100);
    expect(pauseBefore(setback, 3, policy, 0.5)).toBeUndefined();
  }
});

it("other 4xx are not tried again, silence once", () => {
  for (const status of [400, 401, 403, 404, 405, 416])
    expect(pauseBefore({ kind: "status", status }, 1, policy, 0)).toBeUndefined();
  expect(pauseBefore({ kind: "silent" }, 1, policy, 0)).toBe(0);
  expect(pauseBefore({ kind: "silent" }, 2, policy, 0)).toBeUndefined();
});

it("Retry-After is obeyed up to a limit", () => {
  const after = (ms: number) => pauseBefore({ kind: "status", status: 429, retryAfterMs: ms }, 1, policy, 0);
  expect(after(3000)).toBe(3000);
  expect(after(6000)).toBeUndefined();
});

it("Retry-After is in seconds or a date", () => {
  const now = Date.parse("2026-01-01T00:00:00Z");
  expect(retryAfterMs("7", now)).toBe(7000);
  expect(retryAfterMs("Thu, 01 Jan 2026 00:00:09 GMT", now)).toBe(9000);
  expect(retryAfterMs("Wed, 31 Dec 2025 00:00:00 GMT", now)).toBe(0);
  expect(retryAfterMs("soon", now)).toBeUndefined();
  expect(retryAfterMs(undefined, now)).toBeUndefined();
});
