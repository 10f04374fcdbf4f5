import { chmod, lstat, mkdir, readFile, readlink, symlink, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { treeEntries } from "./entries.ts";
import { imageSize, writeImage } from "./image.ts";
import { writeLayer } from "./layer.ts";
import { openLayout } from "./layout.ts";
import type { ImageConfig } from "./media-types.ts";
import { unpackImage } from "./unpack.ts";

const signal = AbortSignal.timeout(600_000);
const config = { Entrypoint: ["/usr/bin/agent"], User: "65532", Env: ["PATH=/usr/bin"] };

async function sourceTree(folder: string, umask: number, mtime: Date): Promise<void> {
  const before = process.umask(umask);
  try {
    await mkdir(join(folder, "app", "deep"), { recursive: true });
    await writeFile(join(folder, "app", "deep", "b.txt"), "b".repeat(100_000));
    await writeFile(join(folder, "app", "a.sh"), "#!/bin/sh\n");
    await chmod(join(folder, "app", "a.sh"), 0o700 & ~umask);
    await symlink("deep/b.txt", join(folder, "app", "link"));
    await utimes(join(folder, "app", "a.sh"), mtime, mtime);
  } finally {
    process.umask(before);
  }
}

describe("writeImage", () => {
  it("gives equal digests from different folders, clocks and umasks", async () => {
    const digests: string[] = [];
    for (const [umask, year] of [
      [0o077, 1999],
      [0o000, 2031],
    ] as const) {
      await using source = await tempDir();
      await using target = await tempDir();
      await sourceTree(source.path, umask, new Date(year, 1, 1));
      const layout = await openLayout(target.path);
      const entries = await treeEntries(source.path, "/");
      const layer = await writeLayer(layout, entries, { createdBy: "app" }, signal);
      const image = await writeImage(
        layout,
        "app",
        { architecture: "amd64", layers: [layer], config },
        signal,
      );
      digests.push(image.digest);
    }
    expect(digests[0]).toBe(digests[1]);
  });

  it("puts own layers above those of the base, and own configuration before the base's", async () => {
    await using target = await tempDir();
    const layout = await openLayout(target.path);
    const layer = (path: string, content: string) =>
      writeLayer(
        layout,
        [{ kind: "file", path, mode: 0o644, content: Buffer.from(content) }],
        { createdBy: path },
        signal,
      );
    const base = await writeImage(
      layout,
      "base",
      {
        architecture: "amd64",
        layers: [await layer("/etc/x", "base")],
        config: { ...config, WorkingDir: "/base" },
      },
      signal,
    );
    await writeImage(
      layout,
      "app",
      {
        architecture: "amd64",
        base,
        layers: [await layer("/etc/x", "own")],
        config: { Env: ["PATH=/bin", "A=1"] },
      },
      signal,
    );
    const found = await layout.find("app");
    if (found === undefined) throw new Error("the image is not in the layout");
    const read = await layout.readJson<ImageConfig>(found.manifest.config.digest);
    expect(read.config).toEqual({ ...config, WorkingDir: "/base", Env: ["PATH=/bin", "A=1"] });
    expect(read.rootfs.diff_ids).toHaveLength(2);
    expect(imageSize(found.manifest)).toBeGreaterThan(0);
    await unpackImage(layout, found.manifest, join(target.path, "root"), signal);
    expect(await readFile(join(target.path, "root", "etc", "x"), "utf8")).toBe("own");
  });

  it("unpacks what was put in, with modes and links", async () => {
    await using source = await tempDir();
    await using target = await tempDir();
    await sourceTree(source.path, 0o077, new Date());
    const layout = await openLayout(target.path);
    const layer = await writeLayer(
      layout,
      await treeEntries(source.path, "/srv"),
      { createdBy: "app" },
      signal,
    );
    await writeImage(layout, "app", { architecture: "amd64", layers: [layer], config }, signal);
    const found = await layout.find("app");
    const root = join(target.path, "root");
    await unpackImage(layout, found?.manifest ?? (undefined as never), root, signal);
    expect((await lstat(join(root, "srv", "app", "a.sh"))).mode & 0o777).toBe(0o755);
    expect((await lstat(join(root, "srv", "app", "deep", "b.txt"))).mode & 0o777).toBe(0o644);
    expect(await readlink(join(root, "srv", "app", "link"))).toBe("deep/b.txt");
  });

  it("refuses a link that leads out of the image, and unpacks nothing behind one", async () => {
    await using source = await tempDir();
    await using target = await tempDir();
    await symlink("../../../etc", join(source.path, "out"));
    await expect(treeEntries(source.path, "/app")).rejects.toThrow("leads out of the image");
    const layout = await openLayout(target.path);
    const layers = [
      await writeLayer(
        layout,
        [{ kind: "link", path: "/out", target: target.path }],
        { createdBy: "link" },
        signal,
      ),
      await writeLayer(
        layout,
        [{ kind: "file", path: "/out/hurt", mode: 0o644, content: Buffer.from("x") }],
        { createdBy: "file" },
        signal,
      ),
    ];
    await writeImage(layout, "bad", { architecture: "amd64", layers, config }, signal);
    const found = await layout.find("bad");
    const unpacked = unpackImage(
      layout,
      found?.manifest ?? (undefined as never),
      join(target.path, "root"),
      signal,
    );
    await expect(unpacked).rejects.toThrow("leads out of the image");
  });

  it("keeps blobs that a name leads to, and the young, when it collects", async () => {
    await using target = await tempDir();
    const layout = await openLayout(target.path);
    const image = (text: string) =>
      writeLayer(
        layout,
        [{ kind: "file", path: "/x", mode: 0o644, content: Buffer.from(text) }],
        { createdBy: text },
        signal,
      ).then((layer) =>
        writeImage(layout, "app", { architecture: "amd64", layers: [layer], config }, signal),
      );
    const [first, second] = [await image("first"), await image("second")];
    expect(await layout.collect(60_000)).toBe(0);
    expect(await layout.collect(-1)).toBe(3);
    expect([await layout.has(first.digest), await layout.has(second.digest)]).toEqual([false, true]);
    await unpackImage(
      layout,
      (await layout.find("app"))?.manifest ?? (undefined as never),
      join(target.path, "r"),
      signal,
    );
    expect(await readFile(join(target.path, "r", "x"), "utf8")).toBe("second");
  });
});
