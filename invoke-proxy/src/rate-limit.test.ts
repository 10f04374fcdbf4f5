import { expect, it } from "vitest";
import {
  createRateLimiter,
  newWindow,
  remaining,
  resetSeconds,
  retryAfterSeconds,
  take,
} from "./rate-limit.ts";

const LIMIT = { count: 10, windowMs: 60_000 };
const START = 1_000_000 * 60_000;

function takeMany(count: number, nowMs: number, window = newWindow()) {
  let taken = 0;
  for (let i = 0; i < count; i++) if (take(window, LIMIT, nowMs)) taken++;
  return { window, taken };
}

it("lets exactly the limit through in one window", () => {
  const { window, taken } = takeMany(25, START);
  expect(taken).toBe(10);
  expect(remaining(window, LIMIT, START)).toBe(0);
});

it("counts down what remains and says when the window ends", () => {
  const { window } = takeMany(3, START + 20_000);
  expect(remaining(window, LIMIT, START + 20_000)).toBe(7);
  expect(resetSeconds(window, LIMIT, START + 20_000)).toBe(40);
});

it("gives room back as the window before slides out", () => {
  const { window } = takeMany(10, START);
  expect(take(window, LIMIT, START + 60_000)).toBe(false);
  expect(takeMany(10, START + 90_000, window).taken).toBe(5);
  expect(takeMany(20, START + 180_000, window).taken).toBe(10);
});

it("says when to come back, and a call then passes", () => {
  for (const atMs of [START, START + 30_000, START + 59_000]) {
    const { window } = takeMany(10, atMs);
    const seconds = retryAfterSeconds(window, LIMIT, atMs);
    expect(take({ ...window }, LIMIT, atMs + (seconds - 1) * 1000 - 500)).toBe(false);
    expect(take(window, LIMIT, atMs + seconds * 1000)).toBe(true);
  }
});

it("keeps keys apart and forgets those that no longer count", () => {
  const limiter = createRateLimiter({ maxKeys: 100 });
  const route = limiter.forRoute("acme/f/t", LIMIT);
  for (let i = 0; i < 10; i++) take(limiter.window(route, "a"), LIMIT, START);
  expect(take(limiter.window(route, "a"), LIMIT, START)).toBe(false);
  expect(take(limiter.window(route, "b"), LIMIT, START)).toBe(true);
  limiter.sweep(START + 60_000);
  expect(limiter.size).toBe(2);
  limiter.sweep(START + 120_000);
  expect(limiter.size).toBe(0);
});

it("never holds more keys than it may", () => {
  const limiter = createRateLimiter({ maxKeys: 50 });
  const routes = ["a", "b"].map((key) => limiter.forRoute(key, LIMIT));
  for (let i = 0; i < 1000; i++) for (const route of routes) limiter.window(route, `key-${i}`);
  expect(limiter.size).toBe(50);
  expect(routes.reduce((sum, { windows }) => sum + windows.size, 0)).toBe(50);
});
