import { expect, test } from "vitest";
import { createGroupCommit } from "./group-commit.ts";

/** Runs that end when the test says. */
function gated() {
  const runs: { items: readonly number[]; end: PromiseWithResolvers<void> }[] = [];
  const run = async (items: readonly number[]): Promise<readonly number[]> => {
    const end = Promise.withResolvers<void>();
    runs.push({ items, end });
    await end.promise;
    return items.map((item) => item * 10);
  };
  return { runs, run };
}
const limits = (items: number, bytes = 1000) => ({
  items,
  size: { bytes, of: (item: number) => item },
});
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("what comes while one runs shares the next, and each gets its own answers", async () => {
  const { runs, run } = gated();
  const commit = createGroupCommit(run, limits(10));
  const first = commit([1]);
  await turn();
  const [second, third] = [commit([2, 3]), commit([4])];
  await turn();
  expect(runs.map(({ items }) => items)).toEqual([[1]]);
  runs[0]?.end.resolve();
  expect(await first).toEqual([10]);
  await turn();
  expect(runs.map(({ items }) => items)).toEqual([[1], [2, 3, 4]]);
  runs[1]?.end.resolve();
  expect(await Promise.all([second, third])).toEqual([[20, 30], [40]]);
});

test("a group ends before it grows beyond its limit; one part alone may be larger", async () => {
  const { runs, run } = gated();
  const commit = createGroupCommit(run, limits(2));
  const all = [commit([1, 2, 3]), commit([4]), commit([5]), commit([6])];
  for (let i = 0; i < 3; i++) {
    await turn();
    runs[i]?.end.resolve();
  }
  await Promise.all(all);
  expect(runs.map(({ items }) => items)).toEqual([[1, 2, 3], [4, 5], [6]]);
});

test("a group ends before it has more bytes than its limit; one part alone may have more", async () => {
  const { runs, run } = gated();
  const commit = createGroupCommit(run, limits(10, 5));
  const all = [commit([9]), commit([2]), commit([3]), commit([1])];
  for (let i = 0; i < 3; i++) {
    await turn();
    runs[i]?.end.resolve();
  }
  await Promise.all(all);
  expect(runs.map(({ items }) => items)).toEqual([[9], [2, 3], [1]]);
});

test("a failure is that of its group alone", async () => {
  const { runs, run } = gated();
  const commit = createGroupCommit(run, limits(10));
  const first = commit([1]);
  await turn();
  const second = commit([2]);
  runs[0]?.end.reject(new Error("away"));
  await expect(first).rejects.toThrow("away");
  await turn();
  runs[1]?.end.resolve();
  expect(await second).toEqual([20]);
});

test("a group waits for its turn, and whoever comes meanwhile is in it", async () => {
  const { runs, run } = gated();
  const mayRun = Promise.withResolvers<void>();
  const commit = createGroupCommit(run, limits(10), () => mayRun.promise);
  void commit([1]);
  await turn();
  void commit([2]);
  await turn();
  expect(runs).toEqual([]);
  mayRun.resolve();
  await turn();
  expect(runs.map(({ items }) => items)).toEqual([[1, 2]]);
});
