import { Readable } from "node:stream";
import { expect, it } from "vitest";
import { readLimited } from "./read-limited.ts";

const body = (...parts: readonly string[]): Readable =>
  Readable.from(parts.map((part) => Buffer.from(part, "latin1")));

it("gives the text of a body, whatever the pieces that it comes in", async () => {
  const bytes = Buffer.from("größer").toString("latin1");
  expect(await readLimited(body(...bytes), 8)).toBe("größer");
  expect(await readLimited(body(), 0)).toBe("");
});

it("takes no more than the limit, and closes the body at the first byte beyond it", async () => {
  const long = body("1234", "5678", "9");
  await expect(readLimited(long, 8)).rejects.toThrow("an answer of more than 8 bytes");
  expect(long.destroyed).toBe(true);
});
