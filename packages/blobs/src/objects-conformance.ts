import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { pattern, readAll } from "./conformance.ts";
import type { Objects } from "./objects.ts";

export interface ObjectsUnderTest extends AsyncDisposable {
  readonly objects: Objects;
  /** Temporary things that an upload has left; [] where all is tidy. */
  readonly leftovers: (bucket: string) => Promise<readonly string[]>;
}

const MIB = 1024 * 1024;

async function* inPieces(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Keys that a file system, a URL, XML or a signature might get wrong. */
const HARD_KEYS = [
  "a",
  "A",
  "a b",
  "a+b",
  "a%2fb",
  "a%",
  "a&b<c>\"d'e",
  "a,b;c=d?e#f",
  "a!b~c(d)*e",
  "a:b|c\\d",
  ".hidden",
  "...",
  "ä",
  "a\u0308",
  "日本/語",
  "🦊/\u{10ffff}",
  "deep/".repeat(30) + "x",
  `${"long".repeat(30)}/${"l".repeat(200)}`,
  "x".repeat(255),
];

const BAD_KEYS = [
  "",
  "/a",
  "a/",
  "a//b",
  "..",
  ".",
  "../a",
  "a/..",
  "a/../b",
  "a/./b",
  "a\0b",
  "a\nb",
  "a\u007f",
  "a\ud800",
  "x".repeat(256),
  "x/".repeat(512) + "x",
];

const BAD_BUCKETS = ["", "a", "..", "a..b", "A-b", "-ab", "ab-", "a/b", "a_b", "a\0b", "x".repeat(64)];

/** What every store of objects does; run by each of them in its own `*.it.test.ts`. */
export function exerciseObjects(name: string, open: () => Promise<ObjectsUnderTest>): void {
  const setup = async () => {
    const t = await open();
    const bucket = `acme-${randomBytes(6).toString("hex")}`;
    await t.objects.ensureBucket(bucket);
    return { ...t, bucket };
  };

  // oxlint-disable-next-line vitest/valid-title -- the caller names the implementation
  describe(name, () => {
    test("gives back what was put, of any size and in any pieces, with its head", async () => {
      await using t = await setup();
      for (const size of [0, 1, 70_000, 5 * MIB, 5 * MIB + 1, 11 * MIB]) {
        const bytes = pattern(size);
        const put = await t.objects.put(t.bucket, "out/a.bin", inPieces(bytes, 99_991), {
          contentType: "text/plain; charset=utf-8",
        });
        expect(put).toEqual({ size, etag: expect.stringMatching(/^[^"\s]+$/) as string });
        const { body, ...head } = await t.objects.get(t.bucket, "out/a.bin");
        expect(head).toEqual({
          key: "out/a.bin",
          size,
          etag: put.etag,
          contentType: "text/plain; charset=utf-8",
          modifiedAt: expect.any(Date) as Date,
        });
        expect((await readAll(body)).equals(bytes)).toBe(true);
        expect(await t.objects.head(t.bucket, "out/a.bin")).toEqual(head);
      }
    });

    test("replaces an object, with another etag, and a reader of the old one reads on", async () => {
      await using t = await setup();
      const [old, young] = [pattern(3 * MIB), Buffer.from("young")];
      const first = await t.objects.put(t.bucket, "a", old);
      const { body, contentType } = await t.objects.get(t.bucket, "a");
      expect(contentType).toBe("application/octet-stream");
      const second = await t.objects.put(t.bucket, "a", young);
      expect(second.etag).not.toBe(first.etag);
      expect((await readAll(body)).equals(old)).toBe(true);
      expect((await readAll((await t.objects.get(t.bucket, "a")).body)).toString()).toBe("young");
    });

    test("gives ranges and says which, and refuses one without a byte", async () => {
      await using t = await setup();
      const bytes = pattern(1000);
      await t.objects.put(t.bucket, "a", bytes);
      for (const [range, start, end] of [
        [{ start: 0, end: 0 }, 0, 0],
        [{ start: 10, end: 19 }, 10, 19],
        [{ start: 990 }, 990, 999],
        [{ start: 990, end: 5000 }, 990, 999],
        [{ suffix: 7 }, 993, 999],
        [{ suffix: 7000 }, 0, 999],
      ] as const) {
        const { body, ...head } = await t.objects.get(t.bucket, "a", { range });
        expect(head).toMatchObject({ size: 1000, range: { start, end } });
        expect(await readAll(body)).toEqual(bytes.subarray(start, end + 1));
      }
      for (const range of [{ start: 1000 }, { start: 5000, end: 6000 }, { suffix: 0 }]) {
        await expect(t.objects.get(t.bucket, "a", { range })).rejects.toMatchObject({
          code: "range_not_satisfiable",
        });
      }
      for (const range of [{ start: 5, end: 4 }, { start: -1 }, { start: 0.5 }, { suffix: -1 }]) {
        await expect(t.objects.get(t.bucket, "a", { range })).rejects.toMatchObject({ code: "bad_request" });
      }
    });

    test("shows nothing of an object whose source fails, has another size, or is aborted, and leaves nothing", async () => {
      await using t = await setup();
      await t.objects.put(t.bucket, "kept", Buffer.from("old"));
      for (const size of [10, 6 * MIB]) {
        for (const key of ["new", "kept"]) {
          const failing = (async function* () {
            yield pattern(size);
            throw new Error("cut");
          })();
          await expect(t.objects.put(t.bucket, key, failing)).rejects.toThrow("cut");
          for (const wrong of [size - 1, size + 1]) {
            await expect(
              t.objects.put(t.bucket, key, inPieces(pattern(size), 50_000), { size: wrong }),
            ).rejects.toMatchObject({ code: "bad_request" });
          }
          const gaveUp = new AbortController();
          const hanging = (async function* () {
            yield pattern(size);
            setImmediate(() => gaveUp.abort(new Error("gave up")));
            await new Promise(() => {});
          })();
          await expect(t.objects.put(t.bucket, key, hanging, { signal: gaveUp.signal })).rejects.toThrow(
            "gave up",
          );
        }
      }
      expect(await t.objects.head(t.bucket, "new")).toBeUndefined();
      expect((await readAll((await t.objects.get(t.bucket, "kept")).body)).toString()).toBe("old");
      expect(await t.leftovers(t.bucket)).toEqual([]);
      expect(await t.objects.put(t.bucket, "new", pattern(10), { size: 10 })).toMatchObject({ size: 10 });
    });

    test("shows nothing of an object before its last byte", async () => {
      await using t = await setup();
      const half = Promise.withResolvers<void>();
      const rest = Promise.withResolvers<void>();
      const slow = (async function* () {
        yield Buffer.from("half");
        half.resolve();
        await rest.promise;
        yield Buffer.from("rest");
      })();
      const putting = t.objects.put(t.bucket, "a", slow);
      await half.promise;
      expect(await t.objects.head(t.bucket, "a")).toBeUndefined();
      expect((await t.objects.list(t.bucket)).objects).toEqual([]);
      rest.resolve();
      expect(await putting).toMatchObject({ size: 8 });
    });

    test("of many that put one key at once leaves one, whole", async () => {
      await using t = await setup();
      const put = await Promise.all(
        Array.from({ length: 12 }, (_, i) =>
          t.objects.put(t.bucket, "dir/race", inPieces(Buffer.alloc(300_000, i), 9999)),
        ),
      );
      const { body, etag, size } = await t.objects.get(t.bucket, "dir/race");
      const bytes = await readAll(body);
      expect([size, bytes.length]).toEqual([300_000, 300_000]);
      expect(bytes.equals(Buffer.alloc(300_000, bytes[0]))).toBe(true);
      expect(put.map((one) => one.etag)).toContain(etag);
    });

    test("says that an object or a bucket is absent", async () => {
      await using t = await setup();
      await t.objects.put(t.bucket, "a/b", Buffer.from("x"));
      for (const key of ["none", "a", "a/none"]) {
        expect(await t.objects.head(t.bucket, key)).toBeUndefined();
        await t.objects.delete(t.bucket, key);
        await expect(t.objects.get(t.bucket, key)).rejects.toMatchObject({
          code: "not_found",
          message: expect.stringContaining(`s3://${t.bucket}/${key}`) as string,
        });
      }
      await t.objects.delete(t.bucket, "a/b");
      expect(await t.objects.head(t.bucket, "a/b")).toBeUndefined();
      expect((await t.objects.list(t.bucket)).objects).toEqual([]);

      const bucket = "no-such-bucket";
      expect(await t.objects.head(bucket, "a")).toBeUndefined();
      for (const call of [
        () => t.objects.put(bucket, "a", Buffer.from("x")),
        () => t.objects.put(bucket, "a", pattern(6 * MIB)),
        () => t.objects.get(bucket, "a"),
        () => t.objects.list(bucket),
      ]) {
        await expect(call()).rejects.toMatchObject({ code: "not_found" });
      }
    });

    test("takes any key that is text, keeps alike ones apart, and lists them in the order of their bytes", async () => {
      await using t = await setup();
      for (const key of HARD_KEYS) await t.objects.put(t.bucket, `k/${key}`, Buffer.from(key));
      for (const key of HARD_KEYS) {
        const { body } = await t.objects.get(t.bucket, `k/${key}`);
        expect((await readAll(body)).toString()).toBe(key);
      }
      const { objects, cursor } = await t.objects.list(t.bucket, { prefix: "k/" });
      const ordered = HARD_KEYS.map((key) => Buffer.from(`k/${key}`)).sort(Buffer.compare);
      expect(objects.map(({ key }) => key)).toEqual(ordered.map(String));
      expect(cursor).toBeUndefined();
      for (const key of HARD_KEYS) await t.objects.delete(t.bucket, `k/${key}`);
      expect((await t.objects.list(t.bucket)).objects).toEqual([]);
    });

    test("refuses a key and a bucket that are none, wherever they are given", async () => {
      await using t = await setup();
      const bad = [
        ...BAD_KEYS.map((key) => [t.bucket, key] as const),
        ...BAD_BUCKETS.map((bucket) => [bucket, "a"] as const),
      ];
      for (const [bucket, key] of bad) {
        for (const call of [
          async () => t.objects.put(bucket, key, Buffer.from("x")),
          async () => t.objects.get(bucket, key),
          async () => t.objects.head(bucket, key),
          async () => t.objects.delete(bucket, key),
          async () => t.objects.presign(bucket, key, { method: "GET", expiresSeconds: 60 }),
        ]) {
          await expect(call(), JSON.stringify([bucket, key])).rejects.toMatchObject({ code: "bad_request" });
        }
      }
      for (const prefix of ["/", "a//", "../", "a/../b", "a\0"]) {
        await expect(t.objects.list(t.bucket, { prefix })).rejects.toMatchObject({ code: "bad_request" });
      }
      for (const type of ["", "a\r\nX-Evil: 1", "ä", "x".repeat(256)]) {
        await expect(
          t.objects.put(t.bucket, "a", Buffer.from("x"), { contentType: type }),
        ).rejects.toMatchObject({ code: "bad_request" });
      }
    });

    test("lists by prefix in pages, each object once, also where some come and go between", async () => {
      await using t = await setup();
      const keys = ["a-b/x", "a.b", "a/b/1", "a/b/2", "a/b0", "a/c", "a0", "b/1"];
      for (const key of keys.toReversed()) await t.objects.put(t.bucket, key, Buffer.from(key));
      const pages = async (prefix: string, limit: number) => {
        const found: string[] = [];
        let cursor: string | undefined;
        do {
          const page = await t.objects.list(t.bucket, { prefix, limit, cursor });
          expect(page.objects.length).toBeLessThanOrEqual(limit);
          found.push(...page.objects.map(({ key }) => key));
          cursor = page.cursor;
        } while (cursor !== undefined);
        return found;
      };
      for (const limit of [1, 2, 3, 1000]) {
        expect(await pages("", limit)).toEqual(keys);
        expect(await pages("a/", limit)).toEqual(keys.slice(2, 6));
        expect(await pages("a/b", limit)).toEqual(keys.slice(2, 5));
        expect(await pages("none", limit)).toEqual([]);
      }
      const first = await t.objects.list(t.bucket, { limit: 3 });
      await t.objects.delete(t.bucket, "a/b/1");
      await t.objects.put(t.bucket, "a/bb", Buffer.from("x"));
      const second = await t.objects.list(t.bucket, { cursor: first.cursor });
      expect(second.objects.map(({ key }) => key)).toEqual(["a/b/2", "a/b0", "a/bb", "a/c", "a0", "b/1"]);
      expect(second.objects[0]).toEqual({
        key: "a/b/2",
        size: 5,
        etag: (await t.objects.head(t.bucket, "a/b/2"))!.etag,
        modifiedAt: expect.any(Date) as Date,
      });
      for (const options of [{ limit: 0 }, { limit: 1001 }, { limit: 1.5 }, { cursor: "not ours" }]) {
        await expect(t.objects.list(t.bucket, options)).rejects.toMatchObject({ code: "bad_request" });
      }
    });

    test("makes a bucket once, and again without harm", async () => {
      await using t = await setup();
      await t.objects.put(t.bucket, "a", Buffer.from("x"));
      await t.objects.ensureBucket(t.bucket);
      expect(await t.objects.head(t.bucket, "a")).toMatchObject({ size: 1 });
    });

    test("signs URLs for a day to get and an hour to put at most", async () => {
      await using t = await setup();
      const presign = (method: "GET" | "PUT", expiresSeconds: number) =>
        t.objects.presign(t.bucket, "a b", { method, expiresSeconds });
      const before = Date.now();
      const { url, expiresAt } = await presign("GET", 86_400);
      expect(new URL(url).pathname.endsWith(`/${t.bucket}/a%20b`)).toBe(true);
      expect(expiresAt.getTime() - before).toBeGreaterThanOrEqual(86_400_000);
      expect(expiresAt.getTime()).toBeLessThanOrEqual(Date.now() + 86_400_000);
      for (const [method, seconds] of [
        ["GET", 86_401],
        ["PUT", 3601],
        ["GET", 0],
        ["PUT", 1.5],
      ] as const) {
        await expect(presign(method, seconds)).rejects.toMatchObject({ code: "bad_request" });
      }
    });

    test("a body that is destroyed or aborted half-way harms nobody", async () => {
      await using t = await setup();
      await t.objects.put(t.bucket, "a", pattern(8 * MIB));
      const { body } = await t.objects.get(t.bucket, "a");
      body.destroy();
      const gaveUp = new AbortController();
      const second = await t.objects.get(t.bucket, "a", { signal: gaveUp.signal });
      const reading = readAll(second.body);
      gaveUp.abort(new Error("gave up"));
      await expect(reading).rejects.toThrow();
      await expect(t.objects.get(t.bucket, "a", { signal: gaveUp.signal })).rejects.toThrow("gave up");
      expect(await readAll((await t.objects.get(t.bucket, "a")).body)).toHaveLength(8 * MIB);
    });
  });
}
