import { expect, it } from "vitest";
import { createPark, type DeadLetter } from "./parking.ts";

const event = {
  id: "a",
  body: Buffer.from("{}"),
  json: true,
  headers: {},
  attempt: 3,
  ageMs: 0,
  partition: "",
  source: "mq.a.b",
};
const letter: DeadLetter = {
  event,
  reason: "attempts",
  failure: { status: 500, error: "no" },
  attempts: 3,
  firstFailedAtMs: 0,
  lastFailedAtMs: 1,
};
const never = new AbortController().signal;

it("keeps the row before it publishes, and after a crash between the two publishes once more, and then never again", async () => {
  const done: string[] = [];
  let published = false;
  let isDown = true;
  const park = createPark({
    keep: async ({ event }) => {
      done.push(`keep ${event.id}`);
      return { published };
    },
    publish: async ({ event }) => {
      if (isDown) throw new Error("no broker");
      done.push(`publish ${event.id}`);
    },
    markPublished: async () => void (published = true),
  });
  await expect(park(letter, never)).rejects.toThrow("no broker");
  isDown = false;
  await park(letter, never);
  await park(letter, never);
  expect(done).toEqual(["keep a", "keep a", "publish a", "keep a"]);
});

it("keeps the row alone where there is nowhere to publish to", async () => {
  let kept = 0;
  const park = createPark({
    keep: async () => ({ published: kept++ > 9 }),
    markPublished: () => Promise.reject(new Error("nothing was published")),
  });
  await park(letter, never);
  expect(kept).toBe(1);
});
