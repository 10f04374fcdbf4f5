import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import type { ErrorDetail, PlatformError } from "@hanzo-fn/contract";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DEFAULT_SOURCE_LIMITS, type SourceLimits } from "./limits.ts";
import { readSource, type Source } from "./read-source.ts";
import { inPieces, tar, tarEntry, tarGz, zip, type RawTarEntry, type RawZipEntry } from "./test-archives.ts";

let tempDir: string;
beforeEach(async () => {
  tempDir = await mkdtemp(join(tmpdir(), "hanzo-fn-source-"));
});
afterEach(async () => {
  await rm(tempDir, { recursive: true, force: true });
});

const never = new AbortController().signal;

function read(bytes: Uint8Array, limits: Partial<SourceLimits> = {}): Promise<Source> {
  const options = { limits: { ...DEFAULT_SOURCE_LIMITS, ...limits }, tempDir, signal: never };
  return readSource(inPieces(bytes), options);
}

/** The refusal; nothing of the archive may be left behind. */
async function refusal(bytes: Uint8Array, limits: Partial<SourceLimits> = {}): Promise<PlatformError> {
  const outcome = await read(bytes, limits).catch((error: unknown) => error);
  expect(await readdir(tempDir)).toEqual([]);
  if (!(outcome instanceof Error)) throw new Error("the archive was accepted");
  return outcome as PlatformError;
}

const rules = (error: PlatformError): string[] =>
  (error.details ?? []).map(({ path, rule }: ErrorDetail) =>
    path === undefined ? rule : `${path}: ${rule}`,
  );

const handler = { name: "handler.py", content: "def run(ctx): return 1\n" };
const elf = Buffer.concat([Buffer.from([0x7f, 0x45, 0x4c, 0x46]), Buffer.alloc(100)]);

describe("readSource", () => {
  it("gives the same tree and digest for tar, tar.gz and zip, whatever the order, times and modes", async () => {
    const files = [handler, { name: "lib/a.py", content: "A = 1\n" }];
    const sources = await Promise.all([
      read(tarGz(...files)),
      read(tar({ name: "lib/", type: "5" }, ...files.toReversed().map((file) => ({ ...file, mode: 0o600 })))),
      read(tar(...files.map((file) => ({ ...file, name: `./${file.name}` })))),
      read(zip(...files)),
    ]);
    expect(new Set(sources.map(({ digest }) => digest)).size).toBe(1);
    expect(sources[0]?.entries.map(({ path, mode, size }) => [path, mode, size])).toEqual([
      ["handler.py", 0o644, 23],
      ["lib/a.py", 0o644, 6],
    ]);
    expect(sources[0]?.bytes).toBe(29);
  });

  it("writes a canonical archive, which reads back as the same source", async () => {
    await using source = await read(
      zip({ name: "z.sh", content: "#!/bin/sh\n", unixMode: 0o100700 }, { name: "leer.txt" }, handler, {
        name: `${"d/".repeat(60)}ä.py`,
        content: "x",
      }),
    );
    const archive = await readFile(source.archivePath);
    expect(archive.length).toBe(source.archiveBytes);
    await using again = await read(archive);
    expect(again.digest).toBe(source.digest);
    expect(again.entries).toEqual(source.entries);
    expect(await readFile(again.archivePath)).toEqual(archive);
    expect(source.entries.find(({ path }) => path === "z.sh")?.mode).toBe(0o755);
  });

  it("changes the digest with a path, a mode, a byte or a link's target", async () => {
    const variants: RawTarEntry[][] = [
      [handler],
      [{ ...handler, name: "other.py" }],
      [{ ...handler, mode: 0o755 }],
      [{ ...handler, content: "x" }],
      [handler, { name: "l", type: "2", link: "handler.py" }],
      [handler, { name: "l", type: "2", link: "other.py" }],
    ];
    const digests = await Promise.all(variants.map(async (files) => (await read(tarGz(...files))).digest));
    expect(new Set(digests).size).toBe(variants.length);
  });

  it("removes its files when the source is disposed of", async () => {
    const source = await read(tarGz(handler));
    expect(await readdir(tempDir)).toHaveLength(1);
    await source[Symbol.asyncDispose]();
    expect(await readdir(tempDir)).toEqual([]);
  });

  it("keeps links inside the tree", async () => {
    const source = await read(tar(handler, { name: "a/b/link.py", type: "2", link: "../../handler.py" }));
    expect(source.entries.find(({ path }) => path === "a/b/link.py")?.target).toBe("../../handler.py");
    const zipped = await read(zip(handler, { name: "l", content: "handler.py", unixMode: 0o120777 }));
    expect(zipped.entries.find(({ path }) => path === "l")?.target).toBe("handler.py");
  });
});

describe("a hostile tar", () => {
  it.each<[string, RawTarEntry, string]>([
    ["a path that climbs", { name: "../evil.py" }, "leave the source directory"],
    ["a path that climbs in the middle", { name: "a/../../evil.py" }, "leave the source directory"],
    ["an absolute path", { name: "/etc/cron.d/x" }, "must be relative"],
    ["a Windows path", { name: "C:/x" }, "must be relative"],
    ["backslashes", { name: "..\\evil.py" }, "backslashes"],
    ["a name that is not UTF-8", { name: Buffer.from([0x61, 0xff, 0x62]) }, "UTF-8"],
    ["a control character", { name: "a\nb" }, "control characters"],
    ["an empty part", { name: "a//b" }, "empty parts"],
    ["a hard link", { name: "h", type: "1", link: "handler.py" }, "hard links"],
    ["a character device", { name: "d", type: "3" }, "device nodes"],
    ["a block device", { name: "d", type: "4" }, "device nodes"],
    ["a fifo", { name: "f", type: "6" }, "named pipes"],
    ["an unknown type", { name: "f", type: "S" }, "only files"],
    ["an absolute link", { name: "l", type: "2", link: "/etc/passwd" }, "must be relative"],
    ["a link out of the tree", { name: "a/l", type: "2", link: "../../x" }, "leave the source directory"],
    [
      "a link that climbs after it descended",
      { name: "a/l", type: "2", link: "b/../../x" },
      "must not climb",
    ],
    ["an empty link", { name: "l", type: "2" }, "plain relative path"],
    ["an ELF file under an innocent name", { name: "data.txt", content: elf }, "executable binaries"],
    ["a name that is too long", { name: `${"x".repeat(90)}/${"y".repeat(9)}` }, "longer than 80 bytes"],
  ])("is refused for %s", async (_what, entry, rule) => {
    const error = await refusal(tarGz(handler, entry), { maxPathBytes: 80 });
    expect(error).toMatchObject({ code: "invalid_source", status: 400 });
    expect(rules(error).join()).toContain(rule);
  });

  it("is refused for a NUL in a long name", async () => {
    const long = tarEntry({ name: "pax", type: "x", content: "12 path=a\0b\n" });
    const error = await refusal(Buffer.concat([long, tar(handler)]));
    expect(rules(error).join()).toContain("control characters");
  });

  it("is refused for a link and a write through it", async () => {
    const error = await refusal(
      tar(handler, { name: "out", type: "2", link: "." }, { name: "out/x.py", content: "x" }),
    );
    expect(rules(error)).toEqual(["out/x.py: a path must not lie below a file or a link"]);
  });

  it("is refused for a path that occurs twice", async () => {
    expect(rules(await refusal(tar(handler, { ...handler, content: "other" })))).toEqual([
      "handler.py: a path must occur once",
    ]);
  });

  it("hears of every problem at once, of 50 at most", async () => {
    const bad = Array.from({ length: 60 }, (_, index) => ({ name: `../${index}` }));
    const error = await refusal(tar(handler, ...bad));
    expect(error.message).toBe("the source archive has 60 problems");
    expect(error.details).toHaveLength(50);
  });

  it("is refused when it is cut anywhere", async () => {
    const whole = tar(handler, { name: "b.txt", content: "b".repeat(2000) });
    for (const length of [1, 300, 512, 700, 1024, 1536, whole.length - 1024, whole.length - 1]) {
      expect(await refusal(whole.subarray(0, length))).toMatchObject({ code: "invalid_source" });
    }
    const packed = gzipSync(whole);
    for (const length of [2, 20, packed.length - 9, packed.length - 1]) {
      expect(await refusal(packed.subarray(0, length))).toMatchObject({ code: "invalid_source" });
    }
  });

  it("is refused for garbage behind its end", async () => {
    const garbage = Buffer.concat([tar(handler), Buffer.from("garbage".repeat(100))]);
    expect(await refusal(garbage)).toMatchObject({ code: "invalid_source" });
  });

  it("is refused when its compressed bytes are damaged", async () => {
    const packed = tarGz(handler, { name: "b", content: "some more text to damage" });
    packed[packed.length - 20] = (packed[packed.length - 20] ?? 0) ^ 0xff;
    expect(await refusal(packed)).toMatchObject({ code: "invalid_source" });
  });

  it("gets a 413 for a file that claims 5 GB, without waiting for it", async () => {
    const claimed = tar({ name: "big.bin", content: "few", size: 5 * 1024 ** 3 });
    expect(await refusal(claimed)).toMatchObject({ code: "payload_too_large", status: 413 });
  });

  it("gets a 413 for too many bytes together, too many entries and too large an upload", async () => {
    const files = Array.from({ length: 10 }, (_, index) => ({ name: `f${index}`, content: "x".repeat(100) }));
    expect(await refusal(tarGz(...files), { maxTotalBytes: 999 })).toMatchObject({ status: 413 });
    expect(await refusal(tarGz(...files), { maxEntries: 9 })).toMatchObject({ status: 413 });
    expect(await refusal(tar(...files), { maxArchiveBytes: 4096 })).toMatchObject({ status: 413 });
    await read(tarGz(...files), { maxTotalBytes: 1000, maxEntries: 10 });
  });

  it("gets a 413 for a bomb, by its ratio", async () => {
    const bomb = tarGz({ name: "zeros", content: Buffer.alloc(64 * 1024 * 1024) });
    expect(bomb.length).toBeLessThan(100_000);
    const error = await refusal(bomb);
    expect(error.status).toBe(413);
    expect(rules(error).join()).toContain("200 times");
  });
});

describe("a hostile zip", () => {
  it.each<[string, RawZipEntry, string]>([
    ["a path that climbs", { name: "../evil.py" }, "leave the source directory"],
    ["an absolute path", { name: "/evil.py" }, "must be relative"],
    ["a NUL in a name", { name: "a\0b" }, "control characters"],
    ["backslashes", { name: "a\\b" }, "backslashes"],
    ["a name that is not UTF-8", { name: Buffer.from([0x61, 0xff]) }, "UTF-8"],
    ["a link out of the tree", { name: "l", content: "../x", unixMode: 0o120777 }, "leave the source"],
    ["a device node", { name: "d", unixMode: 0o020644 }, "only files"],
    ["an encrypted entry", { name: "e", content: "x", flags: 0x801 }, "encrypted"],
    ["an unknown compression", { name: "e", content: "x", method: 99 }, "stored or deflated"],
    ["a wrong checksum", { name: "c", content: "x", crc: 1 }, "checksum"],
    ["an executable", { name: "run", content: elf }, "executable binaries"],
    ["less content than claimed", { name: "c", content: "x", size: 2 }, "cannot be read|not enough|bytes"],
    ["more content than claimed", { name: "c", content: "xxxxxxxx", size: 2 }, "bytes"],
  ])("is refused for %s", async (_what, entry, rule) => {
    const error = await refusal(zip(handler, entry));
    expect(error.code).toBe("invalid_source");
    expect(rules(error).join()).toMatch(new RegExp(rule));
  });

  it("is refused when it is cut, and for bytes behind its end", async () => {
    const whole = zip(handler, { name: "b", content: "b".repeat(500) });
    for (const length of [4, 40, whole.length - 30, whole.length - 1]) {
      expect(await refusal(whole.subarray(0, length))).toMatchObject({ code: "invalid_source" });
    }
    expect(await refusal(Buffer.concat([whole, Buffer.from("xx")]))).toMatchObject({
      code: "invalid_source",
    });
  });

  it("gets a 413 for 4 GB claimed, for too many entries and for a bomb", async () => {
    expect(await refusal(zip({ name: "big", content: "x", size: 0xfffffff0 }))).toMatchObject({
      status: 413,
    });
    expect(await refusal(zip(handler, { name: "b" }), { maxEntries: 1 })).toMatchObject({ status: 413 });
    const bomb = zip({ name: "zeros", content: Buffer.alloc(64 * 1024 * 1024) });
    expect(await refusal(bomb)).toMatchObject({ status: 413 });
  });
});

async function* broken(): AsyncGenerator<Uint8Array> {
  yield gunzipSync(tarGz(handler)).subarray(0, 512);
  throw Object.assign(new Error("reset"), { code: "ECONNRESET" });
}

describe("an upload", () => {
  it.each([
    ["empty", Buffer.alloc(0)],
    ["a text", Buffer.from("hello ".repeat(200))],
    ["one byte", Buffer.from([0x1f])],
    ["gzip of something else", gzipSync("hello ".repeat(500))],
    ["a tar without files", tar({ name: "d/", type: "5" })],
    ["a zip without files", zip()],
  ])("that is %s is refused", async (_what, bytes) => {
    expect(await refusal(bytes)).toMatchObject({ code: "invalid_source", status: 400 });
  });

  it("that hangs ends with its signal, and leaves nothing behind", async () => {
    const controller = new AbortController();
    const reason = new Error("client gone");
    const bytes = tarGz(handler);
    async function* hanging(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 20);
      controller.abort(reason);
      await new Promise(() => {});
    }
    const options = { limits: DEFAULT_SOURCE_LIMITS, tempDir, signal: controller.signal };
    await expect(readSource(hanging(), options)).rejects.toBe(reason);
    expect(await readdir(tempDir)).toEqual([]);
  });

  it("whose connection breaks is not taken for a whole one", async () => {
    const options = { limits: DEFAULT_SOURCE_LIMITS, tempDir, signal: never };
    await expect(readSource(broken(), options)).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await readdir(tempDir)).toEqual([]);
  });
});
