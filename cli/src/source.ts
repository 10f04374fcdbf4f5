import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { lstat, readFile, readdir, readlink } from "node:fs/promises";
import { basename, join, relative, resolve, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGzip } from "node:zlib";
import { pack as tarPack } from "tar-stream";
import { UsageError } from "./command.ts";

/** Never part of a function: what tools leave behind, and what is installed from a lock file. */
const LEFT_OUT = new Set([
  ".git",
  ".hg",
  ".svn",
  "node_modules",
  "__pycache__",
  ".venv",
  "venv",
  ".mypy_cache",
  ".DS_Store",
  ".hanzo",
  // For `hanzo-fn dev` on the author's own machine.
  ".env",
  ".secrets.env",
]);

/** Whether a file or folder of this name is never part of a function. */
export function isLeftOut(name: string): boolean {
  return LEFT_OUT.has(name) || name.endsWith(".pyc");
}

export interface SourceFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly absolute: string;
  readonly size: number;
  readonly executable: boolean;
  /** Target of a symbolic link. */
  readonly link?: string;
}

/** Names in `.fnignore`, one a line: a name leaves out every file or folder called so, a path just that one. */
async function readIgnored(root: string): Promise<(path: string) => boolean> {
  let text: string;
  try {
    text = await readFile(join(root, ".fnignore"), "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    return () => false;
  }
  const lines = text
    .split("\n")
    .map((line) => line.trim().replace(/\/$/, ""))
    .filter((line) => line !== "" && !line.startsWith("#"));
  const names = new Set(lines.filter((line) => !line.includes("/")));
  const paths = new Set(lines.filter((line) => line.includes("/")).map((line) => line.replace(/^\//, "")));
  return (path) => names.has(basename(path)) || paths.has(path);
}

/** The files of a function, sorted by path. */
export async function listSource(root: string): Promise<SourceFile[]> {
  const ignored = await readIgnored(root);
  const files: SourceFile[] = [];
  const walk = async (folder: string): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true })) {
      const absolute = join(folder, entry.name);
      const path = relative(root, absolute).split(sep).join("/");
      if (isLeftOut(entry.name) || ignored(path)) continue;
      if (entry.isDirectory()) {
        await walk(absolute);
        continue;
      }
      if (!entry.isFile() && !entry.isSymbolicLink()) {
        throw new UsageError(`${path} is neither file, folder nor link; a line in .fnignore leaves it out`);
      }
      const stat = await lstat(absolute);
      const file = { path, absolute, size: stat.size, executable: (stat.mode & 0o111) !== 0 };
      files.push(entry.isSymbolicLink() ? { ...file, size: 0, link: await readlink(absolute) } : file);
    }
  };
  await walk(resolve(root));
  return files.toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

/** A tar.gz of the files, streamed. */
export function archive(files: readonly SourceFile[]): AsyncIterable<Uint8Array> {
  const pack = tarPack();
  const gzip = createGzip({ level: 1 });
  pack.on("error", (error) => gzip.destroy(error));
  pack.pipe(gzip);
  const fill = async (): Promise<void> => {
    for (const file of files) {
      const mode = file.executable ? 0o755 : 0o644;
      if (file.link !== undefined) {
        pack.entry({ name: file.path, type: "symlink", linkname: file.link, mode });
        continue;
      }
      const entry = pack.entry({ name: file.path, size: file.size, mode });
      await pipeline(createReadStream(file.absolute), entry);
    }
    pack.finalize();
  };
  fill().catch((error: Error) => pack.destroy(error));
  return gzip;
}

/** A multipart body with the manifest and, where given, the archive. */
export function multipart(
  manifest: string,
  source: AsyncIterable<Uint8Array> | undefined,
): { contentType: string; body: AsyncIterable<Uint8Array> } {
  const boundary = `hanzo-fn-${createHash("sha256").update(manifest).digest("hex").slice(0, 24)}-${process.hrtime.bigint()}`;
  async function* body(): AsyncGenerator<Uint8Array> {
    yield Buffer.from(
      `--${boundary}\r\ncontent-disposition: form-data; name="manifest"; filename="function.yaml"\r\n` +
        `content-type: application/yaml\r\n\r\n${manifest}\r\n`,
    );
    if (source !== undefined) {
      yield Buffer.from(
        `--${boundary}\r\ncontent-disposition: form-data; name="source"; filename="source.tar.gz"\r\n` +
          "content-type: application/gzip\r\n\r\n",
      );
      yield* source;
      yield Buffer.from("\r\n");
    }
    yield Buffer.from(`--${boundary}--\r\n`);
  }
  return { contentType: `multipart/form-data; boundary=${boundary}`, body: body() };
}
