import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { createDeadlines, type Deadline } from "./deadlines.ts";

beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] }));
afterEach(() => void vi.useRealTimers());

function entry(name: string, fired: string[]): Deadline {
  return {
    deadlineAtMs: 0,
    deadlineList: undefined,
    deadlineBefore: undefined,
    deadlineAfter: undefined,
    onDeadline: () => void fired.push(name),
  };
}

it("fires each entry at its own time, with one timer per duration", () => {
  const fired: string[] = [];
  const deadlines = createDeadlines(() => performance.now());
  deadlines.start(entry("a", fired), 100, performance.now());
  vi.advanceTimersByTime(50);
  deadlines.start(entry("b", fired), 100, performance.now());
  deadlines.start(entry("c", fired), 10, performance.now());
  expect(vi.getTimerCount()).toBe(2);
  vi.advanceTimersByTime(10);
  expect(fired).toEqual(["c"]);
  vi.advanceTimersByTime(40);
  expect(fired).toEqual(["c", "a"]);
  vi.advanceTimersByTime(49);
  expect(fired).toEqual(["c", "a"]);
  vi.advanceTimersByTime(1);
  expect(fired).toEqual(["c", "a", "b"]);
  expect(vi.getTimerCount()).toBe(0);
});

it("forgets an entry that was stopped, wherever it stood", () => {
  const fired: string[] = [];
  const deadlines = createDeadlines(() => performance.now());
  const entries = ["a", "b", "c", "d"].map((name) => entry(name, fired));
  for (const each of entries) deadlines.start(each, 100, performance.now());
  for (const i of [1, 0, 3]) deadlines.stop(entries[i] as Deadline);
  deadlines.stop(entries[1] as Deadline);
  vi.advanceTimersByTime(200);
  expect(fired).toEqual(["c"]);
});
