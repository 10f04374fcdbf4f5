import { readFile } from "node:fs/promises";
import { join, posix } from "node:path";
import { pathProblem } from "./source-tree.ts";

type Json = Record<string, unknown>;

const MAX_DEPTH = 5;
/** What changes the code that comes out; the rest is for the type checker and the editor. */
const OPTIONS = [
  "alwaysStrict",
  "experimentalDecorators",
  "jsx",
  "jsxFactory",
  "jsxFragmentFactory",
  "jsxImportSource",
  "useDefineForClassFields",
  "verbatimModuleSyntax",
  "importsNotUsedAsValues",
  "preserveValueImports",
] as const;

/** JSON with comments and trailing commas, as plain JSON. */
function plainJson(text: string): string {
  const token = /"(?:[^"\\]|\\.)*"|\/\/[^\n]*|\/\*[\s\S]*?\*\//g;
  const bare = text
    .replace(/^\uFEFF/, "")
    .replaceAll(token, (found) => (found.startsWith('"') ? found : " "));
  return bare.replaceAll(/"(?:[^"\\]|\\.)*"|,(?=\s*[\]}])/g, (found) => (found === "," ? "" : found));
}

async function load(root: string, file: string): Promise<Json> {
  const text = await readFile(join(root, file), "utf8").catch(() => "{}");
  const value: unknown = JSON.parse(plainJson(text));
  return typeof value === "object" && value !== null ? (value as Json) : {};
}

/** `paths`, whose targets are relative to `baseUrl` or to their file, relative to the root, which lies at `up`. */
function rebased(options: Json, directory: string, up: string): Json {
  const base = typeof options["baseUrl"] === "string" ? posix.join(directory, options["baseUrl"]) : directory;
  const paths = Object.entries((options["paths"] ?? {}) as Record<string, unknown>).map(([from, to]) => {
    const targets = (Array.isArray(to) ? to : []).filter((target) => typeof target === "string");
    return [from, targets.map((target) => `./${posix.join(up, base, target)}`)] as const;
  });
  return {
    ...(options["paths"] === undefined ? {} : { paths: Object.fromEntries(paths) }),
    ...(options["baseUrl"] === undefined ? {} : { baseUrl: `./${posix.join(up, base)}` }),
  };
}

async function options(root: string, file: string, up: string, depth: number): Promise<Json> {
  const config = await load(root, file);
  const directory = posix.dirname(file);
  const own = (config["compilerOptions"] ?? {}) as Json;
  const picked = Object.fromEntries(
    OPTIONS.flatMap((name) => (own[name] === undefined ? [] : [[name, own[name]]])),
  );
  const parents = [config["extends"] ?? []].flat().filter((name) => typeof name === "string");
  let inherited: Json = {};
  for (const name of parents) {
    const path = posix.join(directory, name.endsWith(".json") ? name : `${name}.json`);
    // Bases from packages hold settings of the type checker; only files of the source are followed.
    const inside = /^\.{1,2}\//.test(name) && pathProblem(path, 1024) === undefined;
    if (inside && depth < MAX_DEPTH)
      inherited = { ...inherited, ...(await options(root, path, up, depth + 1)) };
  }
  return { ...inherited, ...picked, ...rebased(own, directory, up) };
}

/**
 * The source's `tsconfig.json` reduced to what the bundler needs. It is read here and not by the bundler, which
 * would follow `extends` to any file of the machine and quote it in its errors. `up` is the way from the directory
 * that the result is written to up to the root. Throws a SyntaxError.
 */
export async function readTsconfig(root: string, up = ""): Promise<{ readonly compilerOptions: Json }> {
  return { compilerOptions: await options(root, "tsconfig.json", up, 0) };
}
