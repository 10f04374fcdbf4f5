import { expect, test } from "vitest";
import { commitDueAt } from "./commit-policy.ts";

const policy = { everyMs: 1000, everyRecords: 500 };

test("what is done is committed a second later, or at once where it is much", () => {
  expect(commitDueAt({ records: 0, sinceMs: 5 }, policy)).toBeUndefined();
  expect(commitDueAt({ records: 1, sinceMs: 5 }, policy)).toBe(1005);
  expect(commitDueAt({ records: 499, sinceMs: 5 }, policy)).toBe(1005);
  expect(commitDueAt({ records: 500, sinceMs: 5 }, policy)).toBe(5);
});
