import { expect, test } from "vitest";
import { createTaskSignals } from "./signals.ts";

test("all who wait for a task hear of its end, and others do not", async () => {
  const signals = createTaskSignals();
  const never = new AbortController();
  let other = false;
  const both = [signals.ended("a", never.signal), signals.ended("a", never.signal)];
  void signals.ended("b", never.signal).then(() => (other = true));
  signals.tell("a");
  await Promise.all(both);
  expect(other).toBe(false);
  never.abort();
});

test("who has gone waits no more, and one who is gone already does not begin to", async () => {
  const signals = createTaskSignals();
  const gone = new AbortController();
  const waiting = signals.ended("a", gone.signal);
  gone.abort();
  await waiting;
  await signals.ended("a", gone.signal);
  signals.tell("a");
});
