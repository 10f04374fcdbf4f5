import { createFakeClock, settle } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { createWorkQueue } from "./work-queue.ts";

/** A queue on a clock of its own, whose work is what `run` says. */
function testQueue(run: (key: string, signal: AbortSignal) => Promise<void>, concurrency = 2) {
  const clock = createFakeClock();
  const worked: string[] = [];
  const failures: { key: string; attempt: number; delayMs: number }[] = [];
  const queue = createWorkQueue({
    clock,
    concurrency,
    random: () => 1,
    work(key, signal) {
      worked.push(`${key}@${clock.monotonic()}`);
      return run(key, signal);
    },
    onFailure: ({ key, attempt, delayMs }) => void failures.push({ key, attempt, delayMs }),
  });
  return { clock, queue, worked, failures };
}

it("looks at several keys at once, no more than it may, and never twice at the same", async () => {
  const open = new Map<string, PromiseWithResolvers<void>>();
  const { queue, worked } = testQueue((key) => {
    expect(open.has(key)).toBe(false);
    const one = Promise.withResolvers<void>();
    open.set(key, one);
    return one.promise.finally(() => open.delete(key));
  });
  for (const key of ["a", "a", "b", "c", "a"]) queue.add(key);
  await settle();
  expect(worked).toEqual(["a@0", "b@0"]);
  open.get("b")!.resolve();
  await settle();
  expect(worked).toEqual(["a@0", "b@0", "c@0"]);
  open.get("a")!.resolve();
  await settle();
  expect(worked).toEqual(["a@0", "b@0", "c@0", "a@0"]);
});

it("a key that fails is tried again later and later, while its neighbour is served at once", async () => {
  let broken = true;
  const { clock, queue, worked, failures } = testQueue((key) =>
    broken && key === "bad" ? Promise.reject(new Error("no")) : Promise.resolve(),
  );
  queue.add("bad");
  const mended = queue.settled("bad");
  await clock.advance(150);
  queue.add("good");
  await queue.settled("good");
  await clock.advance(1000);
  expect(worked).toEqual(["bad@0", "good@150", "bad@200", "bad@600"]);
  expect(failures).toEqual([
    { key: "bad", attempt: 1, delayMs: 200 },
    { key: "bad", attempt: 2, delayMs: 400 },
    { key: "bad", attempt: 3, delayMs: 800 },
  ]);
  broken = false;
  await clock.advance(300);
  await mended;
  expect(worked.at(-1)).toBe("bad@1400");
});

it("looks at a key at the time it was added for, and earlier where it is asked to", async () => {
  const { clock, queue, worked } = testQueue(() => Promise.resolve());
  queue.addAfter("later", 5000);
  queue.addAfter("sooner", 1000);
  await clock.advance(900);
  queue.addAfter("later", 200);
  await clock.advance(10_000);
  expect(worked).toEqual(["sooner@1000", "later@1100"]);
});

it("a stop takes up nothing more, waits for what runs, and cuts it when its time is over", async () => {
  const { clock, queue, worked } = testQueue(
    (_, signal) => new Promise((resolve) => void signal.addEventListener("abort", () => resolve())),
    1,
  );
  queue.add("a");
  queue.add("b");
  await settle();
  const waiter = queue.settled("b");
  let stopped = false;
  const stopping = queue.stop(1000).then(() => void (stopped = true));
  await clock.advance(999);
  expect(stopped).toBe(false);
  await clock.advance(1);
  await stopping;
  await waiter;
  queue.add("c");
  await queue.settled("c");
  expect(worked).toEqual(["a@0"]);
});
