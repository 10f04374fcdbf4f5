import { expect, test } from "vitest";
import type { Clock } from "./clock.ts";
import { retryUntilDone } from "./retry.ts";

function recordingClock(): Clock & { readonly slept: number[] } {
  const slept: number[] = [];
  return {
    slept,
    now: () => 0,
    monotonic: () => 0,
    sleep: (ms) => {
      slept.push(ms);
      return Promise.resolve();
    },
  };
}
const backoff = { initialMs: 10, factor: 2, maxMs: 30 };

test("tries again with growing delays until it succeeds once", async () => {
  const clock = recordingClock();
  const attempts: number[] = [];
  let left = 4;
  const work = () => (left-- > 0 ? Promise.reject(new Error("no")) : Promise.resolve());
  const { signal } = new AbortController();
  await retryUntilDone(work, { clock, backoff, signal, onFailure: (_, attempt) => attempts.push(attempt) });
  expect(attempts).toEqual([1, 2, 3, 4]);
  expect(clock.slept).toEqual([10, 20, 30, 30]);
});

test("ends at the signal and does not report what fails after it", async () => {
  const controller = new AbortController();
  const failures: unknown[] = [];
  const work = () => {
    controller.abort();
    return Promise.reject(new Error("too late"));
  };
  const onFailure = (error: unknown) => void failures.push(error);
  await retryUntilDone(work, { clock: recordingClock(), backoff, signal: controller.signal, onFailure });
  expect(failures).toEqual([]);
});
