import { createFakeClock } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { createPace } from "./pace.ts";

test("turns are at least so far apart, and the first one after a rest begins at once", async () => {
  const clock = createFakeClock();
  const pace = createPace(clock, 5);
  expect(pace()).toBeUndefined();
  const began: number[] = [];
  const second = pace()?.then(() => began.push(clock.monotonic()));
  const start = clock.monotonic();
  await clock.advance(4);
  expect(began).toEqual([]);
  await clock.advance(1);
  await second;
  expect(began).toEqual([start + 5]);
  await clock.advance(5);
  expect(pace()).toBeUndefined();
});
