import { createFakeClock, settle } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { createWaker } from "./waker.ts";

it("a wait ends when its time is over, when it is woken, or when it is aborted", async () => {
  const clock = createFakeClock();
  const waker = createWaker(clock);
  const stop = new AbortController();
  let rounds = 0;
  const run = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await waker.wait(1000, stop.signal);
      rounds += 1;
    }
  };
  const done = run();
  await clock.advance(1000);
  expect(rounds).toBe(1);
  waker.wake();
  waker.wake();
  await settle();
  expect(rounds).toBe(2);
  stop.abort();
  await done;
  expect(rounds).toBe(3);
});

it("a wake before the wait is not lost", async () => {
  const waker = createWaker(createFakeClock());
  waker.wake();
  await waker.wait(1000, new AbortController().signal);
});
