import { describe, expect, it } from "vitest";
import { matchesGlob } from "./glob.ts";
import { createMemoryKv } from "./memory-kv.ts";
import { createMemoryStorage } from "./memory-storage.ts";

async function listOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const one of source) list.push(one);
  return list;
}

describe("createMemoryKv", () => {
  it("lets keys go at their time", async () => {
    let now = 1000;
    const kv = createMemoryKv(() => now);
    await kv.set("a", "x", { ttl: 1.5 });
    expect(await kv.ttl("a")).toBe(1.5);
    now += 1499;
    expect(await kv.get("a")).toBe("x");
    now += 1;
    expect([await kv.get("a"), await kv.ttl("a"), await kv.exists("a")]).toEqual([null, -2, 0]);
    await kv.set("b", "y");
    expect([await kv.ttl("b"), await kv.expire("b", 2), await kv.ttl("b")]).toEqual([-1, true, 2]);
    expect(await kv.expire("none", 2)).toBe(false);
  });

  it("sets where there is none, or where there is one", async () => {
    const kv = createMemoryKv(Date.now);
    expect(await kv.set("a", 1, { xx: true })).toBe(false);
    expect(await kv.set("a", 1, { nx: true })).toBe(true);
    expect(await kv.set("a", 2, { nx: true })).toBe(false);
    expect(await kv.set("a", { n: 2 }, { xx: true })).toBe(true);
    expect(await kv.getJson("a")).toEqual({ n: 2 });
    expect(await kv.getJson("b")).toBeNull();
    await kv.set("c", new Uint8Array([255]));
    expect([...((await kv.getBytes("c")) ?? [])]).toEqual([255]);
    expect(await kv.delete("a", "b", "c")).toBe(2);
  });

  it("counts, and keeps hashes and lists apart from values", async () => {
    const kv = createMemoryKv(Date.now);
    expect([await kv.incr("n"), await kv.incr("n", 4), await kv.incr("n", -6)]).toEqual([1, 5, -1]);
    await kv.set("text", "x");
    await expect(kv.incr("text")).rejects.toMatchObject({ code: "conflict" });
    expect(await kv.hset("h", { a: "1", b: 2 })).toBe(2);
    expect(await kv.hset("h", { a: "3" })).toBe(0);
    expect([await kv.hget("h", "a"), await kv.hget("h", "z")]).toEqual(["3", null]);
    expect(await kv.hgetall("h")).toEqual({ a: "3", b: "2" });
    expect([await kv.hdel("h", "a", "z"), await kv.hdel("h", "b"), await kv.exists("h")]).toEqual([1, 1, 0]);
    expect([await kv.rpush("l", "b", "c"), await kv.lpush("l", "a")]).toEqual([2, 3]);
    expect([await kv.lpop("l"), await kv.rpop("l"), await kv.llen("l")]).toEqual(["a", "c", 1]);
    await expect(kv.get("l")).rejects.toMatchObject({ code: "conflict", status: 409 });
    expect([await kv.lpop("l"), await kv.lpop("l"), await kv.exists("l")]).toEqual(["b", null, 0]);
  });

  it("scans by a glob", async () => {
    const kv = createMemoryKv(Date.now);
    for (const key of ["a1", "a2", "b1"]) await kv.set(key, "x");
    expect(await listOf(kv.scan("a*"))).toEqual(["a1", "a2"]);
    expect(await listOf(kv.scan())).toHaveLength(3);
  });
});

describe("matchesGlob", () => {
  it.each([
    ["*", "any/thing", true],
    ["h?llo", "hello", true],
    ["h?llo", "hllo", false],
    ["h[ae]llo", "hallo", true],
    ["h[^e]llo", "hello", false],
    ["h[a-b]llo", "hbllo", true],
    [String.raw`h\*llo`, "h*llo", true],
    [String.raw`h\*llo`, "hello", false],
    ["a.b", "aXb", false],
    ["a(b|c)", "a(b|c)", true],
  ])("%s on %s is %s", (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected);
  });
});

describe("createMemoryStorage", () => {
  it("puts, reads parts, lists and deletes", async () => {
    const storage = createMemoryStorage(() => 0);
    await storage.put("a/2", "12345", { contentType: "text/plain" });
    await storage.put(
      "a/1",
      (async function* () {
        yield new Uint8Array([1]);
        yield new Uint8Array([2]);
      })(),
    );
    expect(Buffer.concat(await listOf(await storage.open("a/2", { start: 1, end: 3 }))).toString()).toBe(
      "23",
    );
    expect([...(await storage.get("a/1"))]).toEqual([1, 2]);
    expect((await listOf(storage.list("a/"))).map(({ key, size }) => [key, size])).toEqual([
      ["a/1", 2],
      ["a/2", 5],
    ]);
    expect(await storage.head("a/2")).toMatchObject({ size: 5, contentType: "text/plain" });
    await storage.delete("a/2");
    expect(await storage.head("a/2")).toBeNull();
    await storage.delete("a/2");
    expect(await storage.presign("a/1", { method: "PUT" })).toMatch(/^https:.*method=PUT/);
  });
});
