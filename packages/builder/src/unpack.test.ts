import { lstat, mkdtemp, readFile, readlink, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { unpackSource } from "./unpack.ts";

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "hanzo-fn-unpack-"));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

interface Item {
  readonly name: string;
  readonly content?: string;
  readonly type?: "file" | "symlink" | "link" | "fifo";
  readonly linkname?: string;
  readonly mode?: number;
}

async function* archive(...items: readonly Item[]): AsyncGenerator<Uint8Array> {
  const tar = pack();
  for (const { content = "", ...header } of items) tar.entry(header, content);
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar as AsyncIterable<Buffer>) parts.push(part);
  yield gzipSync(Buffer.concat(parts));
}

const never = new AbortController().signal;

async function* cut(): AsyncGenerator<Uint8Array> {
  for await (const part of archive({ name: "a", content: "x".repeat(5000) })) yield part.subarray(0, 60);
}

// oxlint-disable-next-line require-yield
async function* broken(): AsyncGenerator<Uint8Array> {
  throw new Error("the blob is gone");
}

describe("unpackSource", () => {
  it("writes files, modes and links", async () => {
    const dir = join(root, "s");
    const paths = await unpackSource(
      archive(
        { name: "a/b/run.sh", content: "#!/bin/sh", mode: 0o755 },
        { name: "empty" },
        { name: "link", type: "symlink", linkname: "a/b/run.sh" },
      ),
      dir,
      never,
    );
    expect(paths).toEqual(["a/b/run.sh", "empty", "link"]);
    expect(await readFile(join(dir, "a/b/run.sh"), "utf8")).toBe("#!/bin/sh");
    expect((await stat(join(dir, "a/b/run.sh"))).mode & 0o777).toBe(0o755);
    expect((await stat(join(dir, "empty"))).mode & 0o777).toBe(0o644);
    expect(await readlink(join(dir, "link"))).toBe("a/b/run.sh");
  });

  it.each<[string, Item[]]>([
    ["a path that climbs", [{ name: "../out", content: "x" }]],
    ["an absolute path", [{ name: "/out", content: "x" }]],
    ["a link out of the tree", [{ name: "out", type: "symlink", linkname: ".." }]],
    [
      "a write through a link",
      [
        { name: "l", type: "symlink", linkname: "." },
        { name: "l/out", content: "x" },
      ],
    ],
    [
      "a write onto a link",
      [
        { name: "out", type: "symlink", linkname: "x" },
        { name: "out", content: "x" },
      ],
    ],
    ["a hard link", [{ name: "out", type: "link", linkname: "/etc/passwd" }]],
    ["a fifo", [{ name: "out", type: "fifo" }]],
  ])("refuses %s, and nothing appears outside", async (_what, items) => {
    const dir = join(root, "s");
    await expect(unpackSource(archive(...items), dir, never)).rejects.toMatchObject({ code: "internal" });
    await expect(lstat(join(root, "out"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("refuses a directory that exists, since it may hold links", async () => {
    await expect(unpackSource(archive({ name: "a" }), root, never)).rejects.toMatchObject({ code: "EEXIST" });
  });

  it("fails for an archive that is cut, and for a source that breaks", async () => {
    await expect(unpackSource(cut(), join(root, "a"), never)).rejects.toThrow();
    await expect(unpackSource(broken(), join(root, "b"), never)).rejects.toThrow("the blob is gone");
  });
});
