import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import type { LanguageName } from "./languages.ts";

/** One build: everything lies in `work`, which begins as a copy of the fixture and is thrown away. */
export interface Task {
  readonly fixture: string;
  readonly work: string;
  /** The executable to write. */
  readonly output: string;
  /** A folder for the compiler's own cache; it is kept, and shared by all fixtures. */
  readonly cache: string;
}

/** How a language makes one executable of a fixture. */
export interface Compiler {
  readonly name: LanguageName;
  /** Says which compiler it is: another one, another executable. */
  readonly version: string;
  /** Folders and files whose contents go into every executable: the SDK. */
  readonly inputs: readonly string[];
  /** False for files below `inputs` that no executable depends on. */
  readonly counts: (file: string) => boolean;
  /** Rejects with the compiler's words. */
  readonly compile: (task: Task) => Promise<void>;
}

const CACHE = fileURLToPath(new URL("../../.cache/conformance", import.meta.url));

/** Builds a fixture, once for the same contents, and answers the path of the executable. */
export async function executable(compiler: Compiler, fixture: string): Promise<string> {
  const folder = join(CACHE, compiler.name);
  const output = join(folder, `${fixture}-${await contentHash(compiler, fixture)}`);
  if (existsSync(output)) return output;
  await mkdir(folder, { recursive: true });
  const work = await mkdtemp(join(folder, `build-${fixture}-`));
  try {
    await cp(fixtureFolder(compiler, fixture), work, { recursive: true });
    const made = join(work, ".made");
    await compiler.compile({ fixture, work, output: made, cache: join(folder, "cache") });
    await removeOlder(folder, fixture);
    await rename(made, output);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
  return output;
}

function fixtureFolder(compiler: Compiler, fixture: string): string {
  return fileURLToPath(new URL(`./fixtures/${fixture}/${compiler.name}`, import.meta.url));
}

async function contentHash(compiler: Compiler, fixture: string): Promise<string> {
  const hash = createHash("sha256").update(compiler.version);
  for (const root of [...compiler.inputs, fixtureFolder(compiler, fixture)]) {
    const files = (await filesOf(root)).filter((file) => compiler.counts(relative(root, file)));
    for (const file of files.toSorted()) {
      hash.update(`\0${relative(root, file)}\0`).update(await readFile(file));
    }
  }
  return hash.digest("hex").slice(0, 16);
}

async function filesOf(root: string): Promise<string[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true }).catch(() => undefined);
  if (entries === undefined) return [root];
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** An executable of contents that are no more. */
async function removeOlder(folder: string, fixture: string): Promise<void> {
  const older = new RegExp(`^${fixture}-[0-9a-f]{16}$`);
  const names = (await readdir(folder)).filter((name) => older.test(name));
  await Promise.all(names.map((name) => rm(join(folder, name), { force: true })));
}
