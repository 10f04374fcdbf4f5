/**
 * The declarations of `@hanzo/functions` for its users, from its sources: `runtimes/typescript/types`. With `--check`
 * it writes nothing and ends with 1 where they differ. Only what the public modules need is kept.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { ROOT, runCommand } from "./run-command.ts";

const SOURCE = "runtimes/typescript/src";
const TARGET = join(ROOT, "runtimes/typescript/types");
const ENTRIES = ["index", "testing/index"];
const OPTIONS =
  "--ignoreConfig --noEmit false --declaration --emitDeclarationOnly --target es2024 --lib es2024 --types node --module nodenext --allowImportingTsExtensions --strict --exactOptionalPropertyTypes --skipLibCheck";

async function declare(directory: string): Promise<Map<string, string>> {
  const files = ENTRIES.map((entry) => `${SOURCE}/${entry}.ts`);
  const places = ["--rootDir", SOURCE, "--outDir", directory];
  const compiled = await runCommand("tsc", [...OPTIONS.split(" "), ...places, ...files]);
  if (compiled.code !== 0) throw new Error(compiled.output);
  const formatted = await runCommand("oxfmt", [directory]);
  if (formatted.code !== 0) throw new Error(formatted.output);
  const found = new Map<string, string>();
  for (const entry of ENTRIES) await take(directory, entry, found);
  return found;
}

/** A module and, after it, those that it names. */
async function take(directory: string, name: string, found: Map<string, string>): Promise<void> {
  if (found.has(name)) return;
  const text = await readFile(join(directory, `${name}.d.ts`), "utf8");
  found.set(name, text.replaceAll(/(from "\.{1,2}\/[\w/.-]+)\.ts"/g, '$1.js"'));
  for (const [, relative] of text.matchAll(/from "(\.{1,2}\/[\w/.-]+)\.ts"/g)) {
    await take(directory, posix.join(posix.dirname(name), relative ?? ""), found);
  }
}

async function present(): Promise<Map<string, string>> {
  const files = await readdir(TARGET, { recursive: true }).catch(() => []);
  const names = files.filter((file) => file.endsWith(".d.ts"));
  return new Map(
    await Promise.all(
      names.map(
        async (file) => [file.slice(0, -".d.ts".length), await readFile(join(TARGET, file), "utf8")] as const,
      ),
    ),
  );
}

const directory = await mkdtemp(join(tmpdir(), "hzfn-types-"));
try {
  const [wanted, there] = [await declare(directory), await present()];
  const names = new Set([...wanted.keys(), ...there.keys()]);
  const changed = [...names].filter((name) => wanted.get(name) !== there.get(name));
  if (process.argv.includes("--check")) {
    for (const name of changed) console.log(`differs: runtimes/typescript/types/${name}.d.ts`);
    process.exitCode = changed.length === 0 ? 0 : 1;
  } else {
    await rm(TARGET, { recursive: true, force: true });
    for (const [name, text] of wanted) {
      await mkdir(dirname(join(TARGET, name)), { recursive: true });
      await writeFile(join(TARGET, `${name}.d.ts`), text);
    }
    console.log(`${changed.length} of ${wanted.size} written`);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}
