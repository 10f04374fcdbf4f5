import { createFakeClock } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { createAlarm, runAfter } from "./alarm.ts";

it("an alarm rings once, at the earliest time that it was set to, and can be set again", async () => {
  const clock = createFakeClock();
  const rang: number[] = [];
  const begun = clock.monotonic();
  const alarm = createAlarm(clock, () => rang.push(clock.monotonic() - begun));
  for (const ms of [300, 100, 200]) alarm.set(begun + ms);
  await clock.advance(1000);
  expect(rang).toEqual([100]);
  alarm.set(begun);
  await clock.advance(0);
  expect(rang).toEqual([100, 1000]);
  alarm.set(begun + 2000);
  alarm.clear();
  await clock.advance(5000);
  expect(rang).toHaveLength(2);
});

it("what is to run after a while runs at once where there is no while, and not where it was called off", async () => {
  const clock = createFakeClock();
  const ran: string[] = [];
  const off = new AbortController();
  runAfter(clock, 0, off.signal, () => ran.push("now"));
  expect(ran).toEqual(["now"]);
  runAfter(clock, 50, off.signal, () => ran.push("later"));
  await clock.advance(100);
  runAfter(clock, 50, off.signal, () => ran.push("never"));
  off.abort();
  await clock.advance(100);
  expect(ran).toEqual(["now", "later"]);
});
