import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@hanzo-fn/lifecycle";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { createSourceWatch } from "./source-watch.ts";

/** Each reading is later than the one before by the next of `steps`, then by nothing. */
function clockOf(steps: number[]) {
  let now = 0;
  return { ...systemClock, monotonic: () => (now += steps.shift() ?? 0) };
}

async function versions(steps: number[]): Promise<number[]> {
  await using dir = await tempDir("hfn-watch-");
  const file = join(dir.path, "handler.py");
  writeFileSync(file, "one");
  const watch = createSourceWatch({ clock: clockOf(steps), onChange: () => {} }, dir.path);
  try {
    const seen = [watch.look()];
    // Before the event loop has a turn in which it could hear of it.
    writeFileSync(file, "longer than one");
    seen.push(watch.look());
    return seen;
  } finally {
    watch.close();
  }
}

it("sees what was saved before the call, also after a look that a busy machine held up", async () => {
  expect(await versions([])).toEqual([1, 2]);
  // The first look reads the clock three times, the second one twice: it took 50 ms.
  expect(await versions([0, 0, 0, 0, 50])).toEqual([1, 2]);
});

it("takes the kernel's word where every look takes long", async () => {
  expect(await versions([0, 50, 0, 0, 50])).toEqual([1, 1]);
});
