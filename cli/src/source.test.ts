import { mkdir, symlink, writeFile, chmod } from "node:fs/promises";
import { dirname, join } from "node:path";
import { createGunzip } from "node:zlib";
import { Readable } from "node:stream";
import { tempDir } from "@hanzo-fn/testkit";
import { extract } from "tar-stream";
import { describe, expect, it } from "vitest";
import { archive, listSource, multipart } from "./source.ts";

async function fill(root: string, files: Readonly<Record<string, string>>): Promise<void> {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
}
const paths = async (root: string) => (await listSource(root)).map((file) => file.path);

describe("listSource", () => {
  it("gives the files sorted by path, without what tools leave behind and without secrets", async () => {
    await using dir = await tempDir();
    await fill(dir.path, {
      "z.py": "",
      "a/b.py": "",
      "a.py": "",
      ".env": "",
      "node_modules/x/index.js": "",
      "a/__pycache__/b.pyc": "",
      "old.pyc": "",
      ".git/HEAD": "",
      ".hanzo/function.schema.json": "{}",
      ".venv/bin/python": "",
    });
    expect(await paths(dir.path)).toEqual(["a.py", "a/b.py", "z.py"]);
  });

  it("leaves out what .fnignore names: a name anywhere, a path just there", async () => {
    await using dir = await tempDir();
    await fill(dir.path, {
      ".fnignore": "# not these\r\n\n.fnignore\ndata/\n/docs/big.md\nsecret.txt\n",
      "data/x": "",
      "sub/data/y": "",
      "docs/big.md": "",
      "sub/docs/big.md": "",
      "sub/secret.txt": "",
      "handler.py": "",
    });
    expect(await paths(dir.path)).toEqual(["handler.py", "sub/docs/big.md"]);
  });

  it("keeps links as links, and follows none", async () => {
    await using dir = await tempDir();
    await fill(dir.path, { "real/a": "abc" });
    await symlink("real", join(dir.path, "folder"));
    await symlink("nowhere", join(dir.path, "dangling"));
    expect(await listSource(dir.path)).toMatchObject([
      { path: "dangling", link: "nowhere", size: 0 },
      { path: "folder", link: "real", size: 0 },
      { path: "real/a", size: 3 },
    ]);
  });
});

describe("archive", () => {
  it("is a tar.gz of the same files with content, mode and links", async () => {
    await using dir = await tempDir();
    await fill(dir.path, { "a.py": "print(1)\n", "run.sh": "#!/bin/sh\n", "d/empty": "" });
    await chmod(join(dir.path, "run.sh"), 0o755);
    await symlink("a.py", join(dir.path, "b.py"));
    const tar = extract();
    Readable.from(archive(await listSource(dir.path)))
      .pipe(createGunzip())
      .pipe(tar);
    const found: unknown[] = [];
    for await (const entry of tar) {
      let text = "";
      for await (const chunk of entry) text += String(chunk);
      const { name, mode, type, linkname } = entry.header;
      found.push([name, mode, type, linkname ?? text]);
    }
    expect(found).toEqual([
      ["a.py", 0o644, "file", "print(1)\n"],
      ["b.py", 0o755, "symlink", "a.py"],
      ["d/empty", 0o644, "file", ""],
      ["run.sh", 0o755, "file", "#!/bin/sh\n"],
    ]);
  });
});

it("a multipart body holds the manifest and the archive", async () => {
  async function* source() {
    yield Buffer.from("BYTES");
  }
  const { contentType, body } = multipart("name: a\n", source());
  const form = await new Response(ReadableStream.from(body), {
    headers: { "content-type": contentType },
  }).formData();
  expect(await (form.get("manifest") as File).text()).toBe("name: a\n");
  expect(await (form.get("source") as File).text()).toBe("BYTES");
});
