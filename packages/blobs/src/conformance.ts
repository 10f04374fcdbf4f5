import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { Blobs } from "./blobs.ts";
import { collectGarbage } from "./garbage.ts";

export interface BlobsUnderTest extends AsyncDisposable {
  readonly blobs: Blobs;
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** Bytes that differ at every position within any 251 of them. */
export function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let i = 0; i < size; i++) bytes[i] = (i * 7 + (i >> 8)) % 251;
  return bytes;
}

export async function readAll(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function listed(blobs: Blobs, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const blob of blobs.list(prefix)) keys.push(blob.key);
  return keys;
}

const FUTURE_MS = 60_000;

/** What every store of blobs does; run by each of them in its own `*.test.ts`. */
export function exerciseBlobs(name: string, setup: () => Promise<BlobsUnderTest>): void {
  // oxlint-disable-next-line vitest/valid-title -- the caller names the implementation
  describe(name, () => {
    test("gives back what was put, from a buffer and from a stream, of no byte and of many", async () => {
      await using t = await setup();
      for (const size of [0, 1, 65_536, 1_500_001]) {
        const bytes = pattern(size);
        expect(await t.blobs.putIfAbsent(`acme/source/b${size}`, bytes)).toBe("stored");
        expect(await t.blobs.putIfAbsent(`acme/source/s${size}`, inPieces(bytes, 10_007))).toBe("stored");
        for (const kind of ["b", "s"]) {
          expect(await t.blobs.head(`acme/source/${kind}${size}`)).toMatchObject({ size });
          expect((await readAll(t.blobs.get(`acme/source/${kind}${size}`))).equals(bytes)).toBe(true);
        }
      }
    });

    test("streams ranges, and of one beyond the end what there is of it", async () => {
      await using t = await setup();
      const bytes = pattern(1000);
      await t.blobs.putIfAbsent("acme/a", bytes);
      const range = async (start: number, end?: number) => readAll(t.blobs.get("acme/a", { start, end }));
      expect(await range(0, 0)).toEqual(bytes.subarray(0, 1));
      expect(await range(10, 19)).toEqual(bytes.subarray(10, 20));
      expect(await range(990)).toEqual(bytes.subarray(990));
      expect(await range(990, 5000)).toEqual(bytes.subarray(990));
      expect(await range(5000, 6000)).toEqual(Buffer.alloc(0));
      for (const [start, end] of [
        [5, 4],
        [-1, 4],
        [0.5, 4],
      ] as const) {
        await expect(range(start, end)).rejects.toMatchObject({ code: "bad_request" });
      }
    });

    test("keeps what is under a key, and makes it young again", async () => {
      await using t = await setup();
      await t.blobs.putIfAbsent("acme/a", Buffer.from("first"));
      const before = await t.blobs.head("acme/a");
      expect(await t.blobs.putIfAbsent("acme/a", Buffer.from("second"))).toBe("present");
      expect((await readAll(t.blobs.get("acme/a"))).toString()).toBe("first");
      const after = await t.blobs.head("acme/a");
      expect(after!.modifiedAt.getTime()).toBeGreaterThanOrEqual(before!.modifiedAt.getTime());
    });

    test("of many that put one key at once lets one store, whole", async () => {
      await using t = await setup();
      const candidates = Array.from({ length: 16 }, (_, i) => Buffer.alloc(50_000, i));
      const results = await Promise.all(
        candidates.map((bytes) => t.blobs.putIfAbsent("acme/race", inPieces(bytes, 999))),
      );
      expect(results.filter((result) => result === "stored")).toHaveLength(1);
      const winner = candidates[results.indexOf("stored")];
      expect((await readAll(t.blobs.get("acme/race"))).equals(winner!)).toBe(true);
    });

    test("shows nothing of a blob whose source fails, is aborted, or has another digest", async () => {
      await using t = await setup();
      const failing = (async function* () {
        yield Buffer.from("half");
        throw new Error("cut");
      })();
      await expect(t.blobs.putIfAbsent("acme/a", failing)).rejects.toThrow("cut");
      const aborted = AbortSignal.abort(new Error("gave up"));
      await expect(t.blobs.putIfAbsent("acme/a", Buffer.from("x"), { signal: aborted })).rejects.toThrow(
        "gave up",
      );
      await expect(
        t.blobs.putIfAbsent("acme/a", Buffer.from("x"), { digest: sha256(Buffer.from("y")) }),
      ).rejects.toMatchObject({ code: "invalid_source" });
      expect(await t.blobs.head("acme/a")).toBeUndefined();
      expect(await listed(t.blobs, "")).toEqual([]);
      const digest = sha256(Buffer.from("x"));
      expect(await t.blobs.putIfAbsent("acme/a", Buffer.from("x"), { digest })).toBe("stored");
    });

    test("shows nothing of a blob before its last byte", async () => {
      await using t = await setup();
      const half = Promise.withResolvers<void>();
      const rest = Promise.withResolvers<void>();
      const slow = (async function* () {
        yield Buffer.from("half");
        half.resolve();
        await rest.promise;
        yield Buffer.from("rest");
      })();
      const putting = t.blobs.putIfAbsent("acme/a", slow);
      await half.promise;
      expect(await t.blobs.head("acme/a")).toBeUndefined();
      expect(await listed(t.blobs, "acme/")).toEqual([]);
      rest.resolve();
      expect(await putting).toBe("stored");
      expect((await readAll(t.blobs.get("acme/a"))).toString()).toBe("halfrest");
    });

    test("says that a blob is absent", async () => {
      await using t = await setup();
      await t.blobs.putIfAbsent("acme/a/b", Buffer.from("x"));
      for (const key of ["acme/none", "acme/a", "acme/a/b/c"]) {
        expect(await t.blobs.head(key)).toBeUndefined();
        expect(await t.blobs.delete(key)).toBe(false);
        await expect(readAll(t.blobs.get(key))).rejects.toMatchObject({ code: "not_found" });
      }
      expect(await t.blobs.delete("acme/a/b")).toBe(true);
      expect(await t.blobs.delete("acme/a/b")).toBe(false);
    });

    test("lists by prefix in the order of the keys, where one key is the beginning of another", async () => {
      await using t = await setup();
      const keys = [
        "acme/a",
        "acme/a-b",
        "acme/a.b",
        "acme/a/b",
        "acme/a/b/c",
        "acme/a0",
        "acme/b",
        "acme2/a",
        "other/a",
      ];
      for (const key of keys.toReversed()) await t.blobs.putIfAbsent(key, Buffer.from(key));
      expect(await listed(t.blobs, "")).toEqual(keys);
      expect(await listed(t.blobs, "acme")).toEqual(keys.slice(0, 8));
      expect(await listed(t.blobs, "acme/")).toEqual(keys.slice(0, 7));
      expect(await listed(t.blobs, "acme/a")).toEqual(keys.slice(0, 6));
      expect(await listed(t.blobs, "acme/a/")).toEqual(keys.slice(3, 5));
      expect(await listed(t.blobs, "nobody/")).toEqual([]);
      for await (const blob of t.blobs.list("other/")) {
        expect(blob).toEqual({ key: "other/a", size: 7, modifiedAt: expect.any(Date) as Date });
      }
    });

    test.each([
      "",
      "/a",
      "a/",
      "a//b",
      "a/../b",
      "..",
      ".",
      "a/./b",
      "A",
      "a b",
      "a\0",
      "a\\b",
      "ä",
      "a,",
      "x".repeat(600),
    ])("refuses the key %j", async (key) => {
      await using t = await setup();
      await expect((async () => t.blobs.putIfAbsent(key, Buffer.from("x")))()).rejects.toMatchObject({
        code: "bad_request",
      });
      await expect((async () => readAll(t.blobs.get(key)))()).rejects.toMatchObject({ code: "bad_request" });
      await expect((async () => t.blobs.head(key))()).rejects.toMatchObject({ code: "bad_request" });
      await expect((async () => t.blobs.delete(key))()).rejects.toMatchObject({ code: "bad_request" });
    });

    test("deletes a blob only where it was not put again since", async () => {
      await using t = await setup();
      await t.blobs.putIfAbsent("acme/a", Buffer.from("x"));
      expect(await t.blobs.delete("acme/a", { unmodifiedSince: new Date(Date.now() - FUTURE_MS) })).toBe(
        false,
      );
      expect((await readAll(t.blobs.get("acme/a"))).toString()).toBe("x");
      expect(await t.blobs.delete("acme/a", { unmodifiedSince: new Date(Date.now() + FUTURE_MS) })).toBe(
        true,
      );
      expect(await t.blobs.head("acme/a")).toBeUndefined();
    });

    test("loses what no row refers to once it is old, and nothing else", async () => {
      await using t = await setup();
      for (const key of ["acme/source/kept", "acme/source/gone", "acme/layers/gone", "other/models/x"]) {
        await t.blobs.putIfAbsent(key, Buffer.from("12345"));
      }
      const kept = new Set(["acme/source/kept"]);
      const collect = (now: number) =>
        collectGarbage({
          blobs: t.blobs,
          prefix: "acme/",
          referenced: () => Promise.resolve(kept),
          olderThanMs: 1000,
          now,
        });
      expect(await collect(Date.now())).toEqual({ deleted: [], bytes: 0 });
      expect(await collect(Date.now() + FUTURE_MS)).toEqual({
        deleted: ["acme/layers/gone", "acme/source/gone"],
        bytes: 10,
      });
      expect(await listed(t.blobs, "")).toEqual(["acme/source/kept", "other/models/x"]);
    });
  });
}
