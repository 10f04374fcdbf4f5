import { readdir, readFile } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { PlatformError } from "@hanzo-fn/contract";
import { buildFailed } from "../failures.ts";
import {
  GO_SHAPES,
  parseGoEntry,
  readGoPackage,
  shapeProblem,
  type Declared,
  type GoFile,
  type GoPackage,
} from "./source.ts";

/** More is generated code or a vendored tree, of which nothing is asked here. */
const MAX_FILE_BYTES = 4 * 1024 * 1024;
const MAX_SHOWN = 20;

export interface GoHandler {
  readonly package: GoPackage;
  readonly name: string;
}

/** The Go files of a source but for vendored ones. */
export async function readGoFiles(root: string): Promise<GoFile[]> {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".go"))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep).join("/"))
    .filter((path) => !/(?:^|\/)(?:vendor|testdata)\//.test(path))
    .toSorted();
  return Promise.all(
    paths.map(async (path) => ({
      path,
      text: (await readFile(join(root, path), "utf8")).slice(0, MAX_FILE_BYTES),
    })),
  );
}

function listed(names: readonly string[]): string {
  const shown = names.length > MAX_SHOWN ? [...names.slice(0, MAX_SHOWN), "…"] : names;
  return shown.length === 0 ? "nothing exported" : shown.join(", ");
}

function refused(entry: string, rule: string, at?: Declared): PlatformError {
  const place = at === undefined ? { path: "entry", value: entry } : { path: at.file, line: at.line };
  return buildFailed(rule, [{ ...place, rule }], "correct entry in function.yaml, or the function");
}

function noPackage(entry: string, dirs: readonly string[], files: readonly GoFile[]): PlatformError {
  const there = [...new Set(files.map(({ path }) => path.split("/").slice(0, -1).join("/") || "."))];
  const wanted = dirs.at(-1) === "" ? "the source's root" : dirs.at(-1);
  return refused(entry, `there is no Go package in ${wanted}; there are Go files in ${listed(there)}`);
}

/** Names with the files that declare them, for a message. */
function inventory({ exported, dir }: GoPackage): string {
  const files = [...new Set(exported.map(({ file }) => file))];
  const where = files.length === 1 ? files[0] : dir === "" ? "the package in the source's root" : dir;
  return `${where} has: ${listed(exported.map(({ name }) => name))}`;
}

/**
 * The package and the name that an entry means. Throws `build_failed` where there is no such function, naming those
 * that there are, or where it is no handler by its signature.
 */
export function findHandler(files: readonly GoFile[], entry: string): GoHandler {
  const { dirs, name } = parseGoEntry(entry);
  const packages = dirs.map((dir) => readGoPackage(dir, files)).filter((item) => item.name !== undefined);
  const declares = (item: GoPackage): boolean => item.exported.some((declared) => declared.name === name);
  const found = packages.find(declares) ?? packages[0];
  if (found === undefined) throw noPackage(entry, dirs, files);
  const declared = found.exported.find((item) => item.name === name);
  if (declared === undefined) {
    throw refused(entry, `there is no exported function ${name}; ${inventory(found)}`);
  }
  const problem = shapeProblem(declared);
  if (problem !== undefined) throw refused(entry, problem, declared);
  const main = found.name === "main" ? found.main : undefined;
  if (main !== undefined && !servesItself(files, main)) {
    const rule = `${main.file} declares main: the platform makes the program's main; remove it, or call server.Main(${name}) in it`;
    throw refused(entry, rule, main);
  }
  return { package: found, name };
}

/** Whether the user's own `main` is one that serves. */
function servesItself(files: readonly GoFile[], main: Declared): boolean {
  return /\bserver\.Main\(/.test(files.find(({ path }) => path === main.file)?.text ?? "");
}

/** What the compiler says about the generated program, in terms of the entry that it was generated from. */
export function mainMismatch(
  entry: string,
  { package: found, name }: GoHandler,
  rule: string,
): PlatformError {
  return /undefined|not exported/.test(rule)
    ? refused(entry, `there is no exported function ${name}; ${inventory(found)}`)
    : refused(entry, `the entry ${entry} does not fit: ${rule}; ${GO_SHAPES}`);
}

/** Import paths of all files. */
export function goImports(files: readonly GoFile[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const { text } of files) {
    for (const [block = ""] of text.matchAll(/^import\s*(?:\([^)]*\)|[^\n]*)/gm)) {
      for (const [, path = ""] of block.matchAll(/"([^"\n]+)"/g)) found.add(path);
    }
  }
  return found;
}
