import { expect, it } from "vitest";
import { createGate } from "./gate.ts";

/** Lets everything run that needs no time. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const signal = new AbortController().signal;

it("lets no more through at once than its limit, in the order of arrival", async () => {
  const gate = createGate(2);
  const order: number[] = [];
  const ends: (() => void)[] = [];
  const runs = [0, 1, 2, 3].map((n) =>
    gate(signal, async () => {
      order.push(n);
      await new Promise<void>((resolve) => ends.push(resolve));
    }),
  );
  await settle();
  expect(order).toEqual([0, 1]);
  ends[1]?.();
  await settle();
  expect(order).toEqual([0, 1, 2]);
  ends[0]?.();
  ends[2]?.();
  await settle();
  ends[3]?.();
  await Promise.all(runs);
  expect(order).toEqual([0, 1, 2, 3]);
});

it("goes on after a failure, and forgets who gave up waiting", async () => {
  const gate = createGate(1);
  const leaving = new AbortController();
  const first = gate(signal, () => settle().then(() => Promise.reject(new Error("broke"))));
  const second = gate(leaving.signal, async () => "never");
  const third = gate(signal, async () => "third");
  leaving.abort(new Error("left"));
  expect(await Promise.allSettled([first, second, third])).toEqual([
    { status: "rejected", reason: new Error("broke") },
    { status: "rejected", reason: new Error("left") },
    { status: "fulfilled", value: "third" },
  ]);
});
