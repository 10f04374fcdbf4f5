import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { exerciseKv } from "./conformance.ts";
import { createEmbeddedKv } from "./embedded.ts";

async function open(maxBytesPerFunction = 64 * 1024 * 1024) {
  const database = await createTestDatabase();
  const store = await openStore({ database, log: recordingLog(), clock: systemClock });
  return {
    kv: createEmbeddedKv(store.kv, { maxBytesPerFunction, maxConnections: 5 }),
    store,
    async [Symbol.asyncDispose]() {
      await store.close();
      await database[Symbol.asyncDispose]();
    },
  };
}

exerciseKv("kv in the platform's database", () => open());

const SCOPE = { org: "acme", function: "f" };

test("the quota counts what is there, of one function alone, and names the setting", async () => {
  await using t = await open(10_000);
  const big = Buffer.alloc(4000);
  await t.kv.set(SCOPE, "a", big, {});
  await t.kv.push(SCOPE, "l", [big], "left");
  const full = { code: "storage_full", next: expect.stringContaining("kv.max_bytes_per_function") as string };
  await expect(t.kv.set(SCOPE, "b", big, {})).rejects.toMatchObject(full);
  await expect(t.kv.push(SCOPE, "l", [big], "left")).rejects.toMatchObject(full);
  await expect(t.kv.hashSet(SCOPE, "h", new Map([["x", big]]))).rejects.toMatchObject(full);
  expect(await t.kv.exists(SCOPE, ["b", "h"])).toBe(0);
  expect(await t.kv.length(SCOPE, "l")).toBe(1);
  expect(await t.kv.set({ org: "acme", function: "g" }, "b", big, {})).toBe(true);
  expect(await t.kv.set(SCOPE, "a", Buffer.alloc(4001), {})).toBe(true);
  await t.kv.pop(SCOPE, "l", "left");
  expect(await t.kv.set(SCOPE, "b", big, {})).toBe(true);
});

test("nothing of the quota stays taken when everything is gone", async () => {
  await using t = await open(1000);
  const value = Buffer.alloc(100);
  for (let round = 0; round < 30; round++) {
    await t.kv.set(SCOPE, "s", value, {});
    await t.kv.increment(SCOPE, "n", 10 ** (round % 15));
    await t.kv.hashSet(
      SCOPE,
      "h",
      new Map([
        ["a", value],
        ["b", value.subarray(round)],
      ]),
    );
    await t.kv.hashDelete(SCOPE, "h", round % 2 === 0 ? ["a", "b"] : ["a"]);
    await t.kv.push(SCOPE, "l", [value, value.subarray(round)], "right");
    await t.kv.pop(SCOPE, "l", "left");
    await t.kv.delete(SCOPE, ["s", "n", "h", "l"]);
  }
  expect(await t.kv.set(SCOPE, "all", Buffer.alloc(1000 - 3 - 64), {})).toBe(true);
});

test("keys whose time is up make room, and the sweep takes them away", async () => {
  await using t = await open(1000);
  const value = Buffer.alloc(300);
  await t.kv.set(SCOPE, "a", value, { ttlMs: 1 });
  await t.kv.set(SCOPE, "b", value, { ttlMs: 1 });
  await expect.poll(() => t.kv.exists(SCOPE, ["a", "b"])).toBe(0);
  await t.kv.set(SCOPE, "c", value, { ttlMs: 20 });
  expect(await t.kv.set(SCOPE, "d", value, {})).toBe(true);
  await expect.poll(() => t.kv.exists(SCOPE, ["c"])).toBe(0);
  expect(await t.store.kv.sweep(100)).toBe(1);
  expect(await t.store.kv.sweep(100)).toBe(0);
  expect(await t.kv.set(SCOPE, "e", Buffer.alloc(500), {})).toBe(true);
});
