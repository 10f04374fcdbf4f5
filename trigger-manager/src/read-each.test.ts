import { expect, test } from "vitest";
import { readEach } from "./read-each.ts";

test("so many are read at once, and what cannot be read is left out", async () => {
  let now = 0;
  let most = 0;
  const found = await readEach([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], 3, async (item) => {
    most = Math.max(most, ++now);
    await Promise.resolve();
    now--;
    if (item === 4) throw new Error("no broker");
    return item === 5 ? undefined : `${item}`;
  });
  expect(most).toBe(3);
  expect([...found.keys()].toSorted()).toEqual([0, 1, 2, 3, 6, 7, 8, 9]);
  expect(found.get(7)).toBe("7");
});
