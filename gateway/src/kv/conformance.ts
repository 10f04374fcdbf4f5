import { describe, expect, test } from "vitest";
import type { Kv } from "./kv.ts";

export interface KvUnderTest extends AsyncDisposable {
  readonly kv: Kv;
}

const SCOPE = { org: "acme", function: "f" };
const text = (value: string): Buffer => Buffer.from(value);

async function scanAll(kv: Kv, pattern?: string, count = 10, scope = SCOPE): Promise<string[]> {
  const keys = new Set<string>();
  let cursor: string | undefined;
  do {
    const page = await kv.scan(scope, { pattern, cursor, count });
    for (const key of page.keys) keys.add(key);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return [...keys].sort();
}

/** Asks until a key is gone; its time is measured by the store's own clock. */
async function untilGone(kv: Kv, key: string): Promise<void> {
  await expect.poll(() => kv.exists(SCOPE, [key]), { interval: 5 }).toBe(0);
}

/** What every store behind `ctx.kv` does; run by each of them in its own `*.it.test.ts`. */
export function exerciseKv(name: string, setup: () => Promise<KvUnderTest>): void {
  // oxlint-disable-next-line vitest/valid-title -- the caller names the implementation
  describe(name, () => {
    test("gives back the bytes that were set, and nothing where nothing was", async () => {
      await using t = await setup();
      const values = [text(""), text("grüße"), Buffer.from([0, 255, 128, 10]), Buffer.alloc(1024 * 1024, 7)];
      for (const [i, value] of values.entries()) {
        expect(await t.kv.set(SCOPE, `k${i}`, value, {})).toBe(true);
        expect((await t.kv.get(SCOPE, `k${i}`))?.equals(value)).toBe(true);
      }
      expect(await t.kv.get(SCOPE, "none")).toBeUndefined();
      expect(await t.kv.set(SCOPE, "k0", text("new"), {})).toBe(true);
      expect(String(await t.kv.get(SCOPE, "k0"))).toBe("new");
    });

    test("sets only where the key is absent, or only where it is present", async () => {
      await using t = await setup();
      expect(await t.kv.set(SCOPE, "k", text("1"), { when: "present" })).toBe(false);
      expect(await t.kv.set(SCOPE, "k", text("1"), { when: "absent" })).toBe(true);
      expect(await t.kv.set(SCOPE, "k", text("2"), { when: "absent" })).toBe(false);
      expect(String(await t.kv.get(SCOPE, "k"))).toBe("1");
      expect(await t.kv.set(SCOPE, "k", text("2"), { when: "present" })).toBe(true);
      expect(String(await t.kv.get(SCOPE, "k"))).toBe("2");
    });

    test("of many that set one absent key at once lets one", async () => {
      await using t = await setup();
      const results = await Promise.all(
        Array.from({ length: 20 }, (_, i) => t.kv.set(SCOPE, "lock", text(`${i}`), { when: "absent" })),
      );
      expect(results.filter(Boolean)).toHaveLength(1);
      expect(String(await t.kv.get(SCOPE, "lock"))).toBe(String(results.indexOf(true)));
    });

    test("deletes and counts keys of every kind", async () => {
      await using t = await setup();
      await t.kv.set(SCOPE, "s", text("x"), {});
      await t.kv.hashSet(SCOPE, "h", new Map([["a", text("x")]]));
      await t.kv.push(SCOPE, "l", [text("x")], "left");
      expect(await t.kv.exists(SCOPE, ["s", "h", "l", "none", "s"])).toBe(4);
      expect(await t.kv.delete(SCOPE, ["s", "h", "l", "none", "s"])).toBe(3);
      expect(await t.kv.exists(SCOPE, ["s", "h", "l"])).toBe(0);
      expect((await t.kv.hashGetAll(SCOPE, "h")).size).toBe(0);
      expect(await t.kv.length(SCOPE, "l")).toBe(0);
    });

    test("adds to integers, many at once, and refuses what is none", async () => {
      await using t = await setup();
      await Promise.all(Array.from({ length: 50 }, () => t.kv.increment(SCOPE, "n", 2)));
      expect(String(await t.kv.get(SCOPE, "n"))).toBe("100");
      expect(await t.kv.increment(SCOPE, "n", -150)).toBe(-50);
      for (const bad of ["", "x", "1.5", "+1", " 1", "01", "9007199254740991"]) {
        await t.kv.set(SCOPE, "bad", text(bad), {});
        await expect(t.kv.increment(SCOPE, "bad", 1), bad).rejects.toMatchObject({ code: "conflict" });
        expect(String(await t.kv.get(SCOPE, "bad"))).toBe(bad);
      }
    });

    test("forgets keys when their time is up, and keeps the time of a counter", async () => {
      await using t = await setup();
      await t.kv.set(SCOPE, "short", text("x"), { ttlMs: 40 });
      expect(await t.kv.set(SCOPE, "long", text("1"), { ttlMs: 60_000 })).toBe(true);
      await untilGone(t.kv, "short");
      expect(await t.kv.get(SCOPE, "short")).toBeUndefined();
      expect(await t.kv.ttl(SCOPE, "short")).toBe(-2);
      expect(await t.kv.expire(SCOPE, "short", 1000)).toBe(false);
      expect(await t.kv.set(SCOPE, "short", text("x"), { when: "absent" })).toBe(true);
      expect(await t.kv.ttl(SCOPE, "short")).toBe(-1);
      await t.kv.increment(SCOPE, "long", 1);
      expect(await t.kv.ttl(SCOPE, "long")).toBeGreaterThan(30_000);
      expect(await t.kv.ttl(SCOPE, "long")).toBeLessThanOrEqual(60_000);
      await t.kv.set(SCOPE, "long", text("2"), {});
      expect(await t.kv.ttl(SCOPE, "long")).toBe(-1);
    });

    test("gives any key a time, and takes one away whose time is over", async () => {
      await using t = await setup();
      await t.kv.push(SCOPE, "l", [text("x")], "left");
      expect(await t.kv.expire(SCOPE, "l", 40)).toBe(true);
      await untilGone(t.kv, "l");
      expect(await t.kv.length(SCOPE, "l")).toBe(0);
      expect(await t.kv.push(SCOPE, "l", [text("new")], "left")).toBe(1);
      await t.kv.hashSet(SCOPE, "h", new Map([["old", text("x")]]));
      expect(await t.kv.expire(SCOPE, "h", 40)).toBe(true);
      await untilGone(t.kv, "h");
      expect(await t.kv.hashSet(SCOPE, "h", new Map([["new", text("x")]]))).toBe(1);
      expect([...(await t.kv.hashGetAll(SCOPE, "h")).keys()]).toEqual(["new"]);
      expect(await t.kv.expire(SCOPE, "h", 0)).toBe(true);
      expect(await t.kv.exists(SCOPE, ["h"])).toBe(0);
    });

    test("keeps hashes, whose fields may have any name", async () => {
      await using t = await setup();
      const fields = new Map(["a", "ä", "__proto__", "constructor"].map((name) => [name, text(name)]));
      expect(await t.kv.hashSet(SCOPE, "h", fields)).toBe(4);
      expect(
        await t.kv.hashSet(
          SCOPE,
          "h",
          new Map([
            ["a", text("2")],
            ["b", text("3")],
          ]),
        ),
      ).toBe(1);
      expect(String(await t.kv.hashGet(SCOPE, "h", "a"))).toBe("2");
      expect(await t.kv.hashGet(SCOPE, "h", "none")).toBeUndefined();
      expect(await t.kv.hashGet(SCOPE, "none", "a")).toBeUndefined();
      const all = await t.kv.hashGetAll(SCOPE, "h");
      expect([...all.keys()].sort()).toEqual(["__proto__", "a", "b", "constructor", "ä"]);
      expect(String(all.get("__proto__"))).toBe("__proto__");
      expect(await t.kv.hashDelete(SCOPE, "h", ["a", "none", "a"])).toBe(1);
      expect(await t.kv.hashDelete(SCOPE, "h", [...all.keys()])).toBe(4);
      expect(await t.kv.exists(SCOPE, ["h"])).toBe(0);
    });

    test("refuses to read a hash at once that is too big, but not its fields", async () => {
      await using t = await setup();
      const big = Buffer.alloc(1024 * 1024, 1);
      for (let i = 0; i < 17; i++) await t.kv.hashSet(SCOPE, "h", new Map([[`f${i}`, big]]));
      await expect(t.kv.hashGetAll(SCOPE, "h")).rejects.toMatchObject({ code: "payload_too_large" });
      expect((await t.kv.hashGet(SCOPE, "h", "f3"))?.length).toBe(big.length);
    });

    test("keeps lists, from both ends", async () => {
      await using t = await setup();
      expect(await t.kv.push(SCOPE, "l", [text("b"), text("a")], "left")).toBe(2);
      expect(await t.kv.push(SCOPE, "l", [text("c"), text("d")], "right")).toBe(4);
      expect(await t.kv.length(SCOPE, "l")).toBe(4);
      expect(String(await t.kv.pop(SCOPE, "l", "left"))).toBe("a");
      expect(String(await t.kv.pop(SCOPE, "l", "right"))).toBe("d");
      expect(String(await t.kv.pop(SCOPE, "l", "right"))).toBe("c");
      expect(String(await t.kv.pop(SCOPE, "l", "left"))).toBe("b");
      expect(await t.kv.pop(SCOPE, "l", "left")).toBeUndefined();
      expect(await t.kv.exists(SCOPE, ["l"])).toBe(0);
    });

    test("loses and doubles nothing of a list that many push to and pop from", async () => {
      await using t = await setup();
      const got: string[] = [];
      const pop = async (): Promise<void> => {
        const value = await t.kv.pop(SCOPE, "q", "left");
        if (value !== undefined) got.push(String(value));
      };
      const work = Array.from({ length: 60 }, (_, i) => t.kv.push(SCOPE, "q", [text(`${i}`)], "right"));
      await Promise.all([...work, ...Array.from({ length: 60 }, pop)]);
      while ((await t.kv.length(SCOPE, "q")) > 0) await pop();
      expect(got.map(Number).sort((a, b) => a - b)).toEqual(Array.from({ length: 60 }, (_, i) => i));
    });

    test("refuses a command on a key of another kind, and leaves the key as it is", async () => {
      await using t = await setup();
      const { kv } = t;
      await kv.set(SCOPE, "s", text("x"), {});
      await kv.hashSet(SCOPE, "h", new Map([["a", text("x")]]));
      await kv.push(SCOPE, "l", [text("x")], "left");
      const refused = [
        () => kv.get(SCOPE, "h"),
        () => kv.get(SCOPE, "l"),
        () => kv.increment(SCOPE, "h", 1),
        () => kv.hashGet(SCOPE, "s", "a"),
        () => kv.hashGetAll(SCOPE, "l"),
        () => kv.hashSet(SCOPE, "s", new Map([["a", text("x")]])),
        () => kv.hashDelete(SCOPE, "l", ["a"]),
        () => kv.push(SCOPE, "h", [text("x")], "right"),
        () => kv.pop(SCOPE, "s", "left"),
        () => kv.length(SCOPE, "h"),
      ];
      for (const call of refused) await expect(call()).rejects.toMatchObject({ code: "conflict" });
      expect(String(await kv.get(SCOPE, "s"))).toBe("x");
      expect(await kv.length(SCOPE, "l")).toBe(1);
      expect(await kv.set(SCOPE, "h", text("now a text"), {})).toBe(true);
      expect(String(await kv.get(SCOPE, "h"))).toBe("now a text");
    });

    test("finds every key by pattern, page by page", async () => {
      await using t = await setup();
      const keys = Array.from({ length: 250 }, (_, i) => `user:${i}`);
      await Promise.all([...keys, "ä*b", "a[1]", "other"].map((key) => t.kv.set(SCOPE, key, text("x"), {})));
      expect(await scanAll(t.kv)).toEqual([...keys, "ä*b", "a[1]", "other"].sort());
      expect(await scanAll(t.kv, "user:*", 7)).toEqual(keys.toSorted());
      expect(await scanAll(t.kv, "user:1?")).toEqual(Array.from({ length: 10 }, (_, i) => `user:1${i}`));
      expect(await scanAll(t.kv, "user:[12]")).toEqual(["user:1", "user:2"]);
      expect(await scanAll(t.kv, String.raw`?\*b`)).toEqual(["ä*b"]);
      expect(await scanAll(t.kv, String.raw`a\[*`)).toEqual(["a[1]"]);
      expect(await scanAll(t.kv, "nobody*")).toEqual([]);
      await expect(t.kv.scan(SCOPE, { cursor: "nonsense!", count: 10 })).rejects.toMatchObject({
        code: "bad_request",
      });
    });

    test("keeps functions and organisations apart, whatever their keys and patterns say", async () => {
      await using t = await setup();
      const { kv } = t;
      const others = [
        { org: "acme", function: "f2" },
        { org: "acme2", function: "f" },
        { org: "acme", function: "F" },
      ];
      for (const scope of others) await kv.set(scope, "k", text(JSON.stringify(scope)), {});
      const tries = ["k", "../f2/k", "fn:acme/f2:k", "f2:k", "*", "\u{0001}", "'; drop table kv_keys; --"];
      for (const key of tries) {
        expect(await kv.get(SCOPE, key)).toBeUndefined();
        expect(await kv.delete(SCOPE, [key])).toBe(0);
        await kv.set(SCOPE, key, text("mine"), {});
      }
      for (const pattern of ["*", "fn:*", "*k", "../*", "?", "[", "*]*", String.raw`\*`, "2:*"]) {
        const found = await scanAll(kv, pattern);
        expect(found.every((key) => tries.includes(key))).toBe(true);
      }
      expect(await scanAll(kv)).toEqual(tries.toSorted());
      for (const scope of others) {
        expect(String(await kv.get(scope, "k"))).toBe(JSON.stringify(scope));
        expect(await scanAll(kv, "*", 10, scope)).toEqual(["k"]);
      }
    });

    test("takes the longest key and field", async () => {
      await using t = await setup();
      const long = "ä".repeat(512);
      await t.kv.set(SCOPE, long, text("x"), {});
      await t.kv.hashSet(SCOPE, `h${long.slice(1)}`, new Map([[long, text("y")]]));
      expect(String(await t.kv.get(SCOPE, long))).toBe("x");
      expect(String(await t.kv.hashGet(SCOPE, `h${long.slice(1)}`, long))).toBe("y");
    });
  });
}
