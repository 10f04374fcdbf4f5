import { expect, test } from "vitest";
import { exerciseKv } from "./conformance.ts";
import { createMemoryKv } from "./memory.ts";

exerciseKv("kv in memory", () => {
  const kv = createMemoryKv({ now: () => Date.now() });
  return Promise.resolve({ kv, [Symbol.asyncDispose]: () => kv.close() });
});

test("starts with what a snapshot holds, of every kind, without what has expired since", async () => {
  const scope = { org: "dev", function: "f" };
  let changes = 0;
  let now = 1000;
  const kv = createMemoryKv({ now: () => now, onChange: () => void changes++ });
  await kv.set(scope, "text", Buffer.from([0, 255]), {});
  await kv.set(scope, "brief", Buffer.from("x"), { ttlMs: 50 });
  await kv.set(scope, "long", Buffer.from("y"), { ttlMs: 5000 });
  await kv.hashSet(scope, "hash", new Map([["a", Buffer.from("1")]]));
  await kv.push(scope, "list", [Buffer.from("1"), Buffer.from("2")], "right");
  expect(changes).toBe(5);
  now += 100;
  const kept = JSON.parse(JSON.stringify(kv.snapshot())) as ReturnType<typeof kv.snapshot>;
  const again = createMemoryKv({ now: () => now, snapshot: kept });
  expect(await again.get(scope, "text")).toEqual(Buffer.from([0, 255]));
  expect(await again.exists(scope, ["brief"])).toBe(0);
  expect(await again.ttl(scope, "long")).toBe(4900);
  expect(String(await again.hashGet(scope, "hash", "a"))).toBe("1");
  expect(String(await again.pop(scope, "list", "left"))).toBe("1");
});
