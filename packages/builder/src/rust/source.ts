import { buildFailed } from "../failures.ts";

/** What the builder needs to know of a Rust source, read from its text. */

export interface RustFile {
  /** Relative, with `/`. */
  readonly path: string;
  readonly text: string;
}

export interface RustEntry {
  /** Path of modules, outermost first; empty: the crate's root. */
  readonly modules: readonly string[];
  readonly name: string;
}

/** `handler::transcribe` and `handler.transcribe` are in `src/handler.rs`, `transcribe` in `src/lib.rs`. */
export function parseRustEntry(entry: string): RustEntry {
  const parts = entry.split(/::|\./);
  return { modules: parts.slice(0, -1), name: parts.at(-1) ?? "" };
}

export const RUST_SHAPES =
  "a handler is async fn(Context) or async fn(Context, Body), and returns Result<Response>, Response, or Result<T> with T: Serialize";
export const RUST_MAIN = "src/hanzo_fn_main.rs";
const LIB = "src/lib.rs";
const MAIN = "src/main.rs";
const MAX_SHOWN = 20;

/** Comments and strings blanked out, lines kept. */
function code(text: string): string {
  const blank = (match: string): string => match.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/[^\n]*|r#"[\s\S]*?"#|"(?:[^"\\]|\\.)*"/g, blank);
}

interface PublicFunction {
  readonly name: string;
  readonly line: number;
  readonly isAsync: boolean;
  /** From the parameters to the body. */
  readonly signature: string;
}

export function publicFunctions({ text }: RustFile): PublicFunction[] {
  const clean = code(text);
  const pattern = /^pub\s+(async\s+)?fn\s+(\w+)\s*(?:<[^(]*>)?\s*(\([^{;]*)/gm;
  return [...clean.matchAll(pattern)].map(({ 1: isAsync, 2: name = "", 3: signature = "", index }) => ({
    name,
    line: clean.slice(0, index).split("\n").length,
    isAsync: isAsync !== undefined,
    signature: signature.replaceAll(/\s+/g, " ").trim(),
  }));
}

/** Files that may hold a module, as the compiler looks for them. */
function moduleFiles(modules: readonly string[]): readonly string[] {
  const path = `src/${modules.join("/")}`;
  return modules.length === 0 ? [LIB] : [`${path}.rs`, `${path}/mod.rs`];
}

function refused(entry: string, rule: string, at?: { readonly path: string; readonly line: number }) {
  const place = at ?? { path: "entry", value: entry };
  return buildFailed(rule, [{ ...place, rule }], "correct entry in function.yaml, or the function");
}

function listed(names: readonly string[]): string {
  const shown = names.length > MAX_SHOWN ? [...names.slice(0, MAX_SHOWN), "…"] : names;
  return shown.length === 0 ? "no public function" : shown.join(", ");
}

/** What the compiler, or a look at the text, finds wrong about the entry, with what there is instead. */
export function entryMissing(entry: string, file: RustFile): ReturnType<typeof refused> {
  const { name } = parseRustEntry(entry);
  const there = listed(publicFunctions(file).map((item) => item.name));
  return refused(entry, `there is no public function ${name} in ${file.path}; it has: ${there}`);
}

export function entryMismatch(entry: string, problem: string): ReturnType<typeof refused> {
  return refused(entry, `the entry ${entry} is no handler: ${problem}; ${RUST_SHAPES}`);
}

/** The file that an entry means. Throws `build_failed` where it is not there or no such function is in it. */
export function findRustHandler(files: readonly RustFile[], entry: string): RustFile {
  const { modules, name } = parseRustEntry(entry);
  const wanted = moduleFiles(modules);
  const inLibrary = files.some(({ path }) => path === LIB);
  const file = files.find(({ path }) => wanted.includes(path));
  if (file === undefined) {
    // Modules of a library may lie anywhere inside it; the compiler says where they do not.
    const library = files.find(({ path }) => path === LIB);
    if (library !== undefined && modules.length > 0) return library;
    const there = listed(files.map(({ path }) => path));
    throw refused(
      entry,
      `no file for the entry ${entry}: the source must hold ${wanted.join(" or ")}; it holds ${there}`,
    );
  }
  const found = publicFunctions(file).find((item) => item.name === name);
  if (found === undefined) {
    const elsewhere = new RegExp(`\\b(?:pub use\\b[^;]*\\b|macro_rules!|include!|\\bfn\\s+)${name}\\b`);
    if (inLibrary && elsewhere.test(code(file.text))) return file;
    if (/\binclude!\s*\(|\bpub use\b/.test(code(file.text))) return file;
    throw entryMissing(entry, file);
  }
  if (!found.isAsync && !/Future|Box|Pin/.test(found.signature)) {
    const rule = `${name} is fn${found.signature}, which is not async; ${RUST_SHAPES}`;
    throw refused(entry, rule, { path: file.path, line: found.line });
  }
  return file;
}

/** Files of `src` that others name by `crate::` or `super::` and that nobody but the crate's root can declare. */
function siblings(files: readonly RustFile[], handler: string): string[] {
  const names = files
    .map(({ path }) => /^src\/(\w+)(?:\.rs|\/mod\.rs)$/.exec(path)?.[1])
    .filter((name) => name !== undefined && !["lib", "main", "hanzo_fn_main", handler].includes(name));
  const isNamed = (name: string): boolean =>
    files.some(({ text }) => new RegExp(`\\b(?:crate|super)::(?:\\{[^}]*\\b)?${name}\\b`).test(text));
  return names.filter((name): name is string => name !== undefined && isNamed(name)).toSorted();
}

export interface RustMain {
  /** The program's root, relative to the source. */
  readonly path: string;
  /** Undefined: it is the user's own. */
  readonly text: string | undefined;
}

/** The program for an entry; `library`: the name of the source's own library, where it has one. */
export function rustMain(files: readonly RustFile[], entry: string, library: string | undefined): RustMain {
  const own = files.find(({ path }) => path === MAIN);
  if (own !== undefined && /\bserve\s*\(/.test(code(own.text))) return { path: MAIN, text: undefined };
  if (own !== undefined && library === undefined && files.every(({ path }) => path !== LIB)) {
    // The rest of what the user's own program would have declared is not reachable from ours.
    const declared = [...code(own.text).matchAll(/^\s*(?:pub\s+)?mod\s+(\w+)\s*;/gm)].map(
      ([, name = ""]) => name,
    );
    return {
      path: RUST_MAIN,
      text: mainText(entry, [...new Set([...declared, ...roots(files, entry)])], undefined),
    };
  }
  return {
    path: RUST_MAIN,
    text: mainText(entry, library === undefined ? roots(files, entry) : [], library),
  };
}

function roots(files: readonly RustFile[], entry: string): string[] {
  const [first] = parseRustEntry(entry).modules;
  return first === undefined ? [] : [first, ...siblings(files, first)];
}

function mainText(entry: string, modules: readonly string[], library: string | undefined): string {
  const { modules: path, name } = parseRustEntry(entry);
  const handler = [...(library === undefined ? [] : [library]), ...path, name].join("::");
  // A warning about what no one calls would be about code that its author wrote for a library.
  const declared = modules.map((module) => `mod ${module};\n`).join("");
  return `#![allow(dead_code)]\n${declared}\nfn main() {\n    hanzo_functions::serve(${handler})\n}\n`;
}
