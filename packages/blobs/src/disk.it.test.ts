import { tempDir } from "@hanzo-fn/testkit";
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readdir, stat, utimes, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "vitest";
import { exerciseBlobs, pattern, readAll } from "./conformance.ts";
import { collectGarbage, layerKey, openDiskBlobs, sourceKey } from "./index.ts";

exerciseBlobs("blobs on disk", async () => {
  const dir = await tempDir();
  const blobs = await openDiskBlobs({ directory: path.join(dir.path, "blobs") });
  return { blobs, [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose]() };
});

test("what an earlier process left half-written is removed on opening", async () => {
  await using dir = await tempDir();
  await mkdir(path.join(dir.path, "incoming"));
  await writeFile(path.join(dir.path, "incoming/half"), "half");
  await openDiskBlobs({ directory: dir.path });
  expect(await readdir(path.join(dir.path, "incoming"))).toEqual([]);
});

test("no other user may look into the folders", async () => {
  await using dir = await tempDir();
  await mkdir(path.join(dir.path, "objects"), { mode: 0o755 });
  await chmod(path.join(dir.path, "objects"), 0o755);
  const blobs = await openDiskBlobs({ directory: dir.path });
  await blobs.putIfAbsent("acme/source/a", Buffer.from("x"));
  for (const folder of ["", "objects", "incoming", "objects/acme"]) {
    expect((await stat(path.join(dir.path, folder))).mode & 0o777).toBe(0o700);
  }
});

test("a process killed while it writes leaves each blob whole or absent", { timeout: 60_000 }, async () => {
  const index = JSON.stringify(new URL("./index.ts", import.meta.url).href);
  for (let round = 0; round < 8; round++) {
    await using dir = await tempDir();
    const script = `
      import { openDiskBlobs } from ${index};
      const blobs = await openDiskBlobs({ directory: ${JSON.stringify(dir.path)} });
      const pieces = async function* (n) { for (let i = 0; i < 64; i++) yield Buffer.alloc(4096, n % 251); };
      for (let n = 0; ; n++) { await blobs.putIfAbsent("acme/source/" + n, pieces(n)); process.stdout.write(n + "\\n"); }`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    const enough = Promise.withResolvers<void>();
    child.stdout.on("data", (chunk) => {
      output += String(chunk);
      if (output.split("\n").length > 3 + round * 3) enough.resolve();
    });
    await enough.promise;
    child.kill("SIGKILL");
    await once(child, "close");
    const blobs = await openDiskBlobs({ directory: dir.path });
    const found = new Set<string>();
    for await (const { key } of blobs.list("")) {
      const n = Number(key.slice("acme/source/".length));
      expect((await readAll(blobs.get(key))).equals(Buffer.alloc(64 * 4096, n % 251))).toBe(true);
      found.add(key);
    }
    for (const n of output.split("\n").slice(0, -1)) expect(found).toContain(`acme/source/${n}`);
    expect(await readdir(path.join(dir.path, "incoming"))).toEqual([]);
  }
});

test("an old blob that a deploy puts again while garbage is collected is kept", async () => {
  await using dir = await tempDir();
  const blobs = await openDiskBlobs({ directory: dir.path });
  await blobs.putIfAbsent("acme/source/a", Buffer.from("x"));
  const old = new Date(Date.now() - 3_600_000);
  await utimes(path.join(dir.path, "objects/acme/source/a,"), old, old);
  const collected = await collectGarbage({
    blobs,
    async referenced() {
      expect(await blobs.putIfAbsent("acme/source/a", Buffer.from("x"))).toBe("present");
      return new Set();
    },
    olderThanMs: 60_000,
    now: Date.now(),
  });
  expect(collected.deleted).toEqual([]);
  expect((await readAll(blobs.get("acme/source/a"))).toString()).toBe("x");
});

describe("a full disk", () => {
  test("is said as storage_full, shows nothing of the blob, and takes the next one when there is room", async (ctx) => {
    if (process.platform !== "linux" || process.getuid?.() !== 0)
      return ctx.skip("a small disk takes root on Linux");
    await using dir = await tempDir();
    const run = promisify(execFile);
    const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=1m", "tmpfs", dir.path]).then(
      () => true,
      () => false,
    );
    if (!mounted) return ctx.skip("this machine does not allow mounts");
    try {
      const blobs = await openDiskBlobs({ directory: path.join(dir.path, "blobs") });
      await blobs.putIfAbsent("acme/source/small", pattern(100_000));
      await expect(blobs.putIfAbsent("acme/source/big", pattern(2_000_000))).rejects.toMatchObject({
        code: "storage_full",
        status: 507,
      });
      expect(await blobs.head("acme/source/big")).toBeUndefined();
      expect((await readAll(blobs.get("acme/source/small"))).equals(pattern(100_000))).toBe(true);
      expect(await blobs.putIfAbsent("acme/source/next", pattern(500_000))).toBe("stored");
    } finally {
      await run("umount", [dir.path]);
    }
  });
});

test("keys are made of organisation, kind and hash", () => {
  expect([sourceKey("acme", "ab12"), layerKey("acme", "cd34")]).toEqual([
    "acme/source/ab12",
    "acme/layers/cd34",
  ]);
  expect(() => sourceKey("../x", "ab12")).toThrow(expect.objectContaining({ code: "bad_request" }));
});
