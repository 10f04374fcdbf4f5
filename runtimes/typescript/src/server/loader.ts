import { registerHooks } from "node:module";
import { basename, extname, join, resolve, sep } from "node:path";
import { pathToFileURL } from "node:url";
import { childProcess, fs, inspect } from "../builtins.ts";
import type { Handler } from "../context.ts";

export type LoadErrorKind =
  | "file_missing"
  | "syntax_error"
  | "import_error"
  | "entry_missing"
  | "entry_invalid";

/** Why the user's code did not load. */
export class LoadError extends Error {
  override readonly name = "LoadError";
  readonly kind: LoadErrorKind;
  readonly trace: string;

  constructor(kind: LoadErrorKind, message: string, trace = "") {
    super(message);
    this.kind = kind;
    this.trace = trace;
  }
}

/** In the order they are tried: the builder's bundle, then what Node runs as it is. */
const EXTENSIONS = [".hanzo.mjs", ".mjs", ".js", ".cjs", ".mts", ".cts", ".ts"] as const;

const CHECK_LIMIT_MS = 5000;
const SERVER_URL = new URL(".", import.meta.url).href;
// Beside this file, and of its kind: TypeScript in the repository, JavaScript where `emitServer` wrote it.
const OWN = extname(import.meta.url);
const SDK: Readonly<Record<string, string>> = {
  "@hanzo/functions": new URL(`../index${OWN}`, import.meta.url).href,
  "@hanzo/functions/testing": new URL(`../testing/index${OWN}`, import.meta.url).href,
};

/**
 * Makes `@hanzo/functions` the server's own module, so that `instanceof Response` holds across dependencies, and
 * tries `paths` in order for what is not found beside the importing file.
 */
export function installResolver(paths: readonly string[]): void {
  const parents = paths.map((path) => pathToFileURL(join(path, "_")).href);
  registerHooks({
    resolve(specifier, context, next) {
      const own = specifier.startsWith("@hanzo/") ? SDK[specifier] : undefined;
      if (own !== undefined) return { url: own, shortCircuit: true };
      if (parents.length === 0 || !isBare(specifier)) return next(specifier, context);
      return resolveAmong(specifier, [context.parentURL, ...parents], (parentURL) =>
        next(specifier, { ...context, parentURL }),
      );
    },
  });
}

function isBare(specifier: string): boolean {
  return !/^(?:\.{0,2}\/|#|[a-z][a-z0-9+.-]*:)/i.test(specifier);
}

function resolveAmong<T>(
  specifier: string,
  parents: ReadonlyArray<string | undefined>,
  next: (parentURL: string | undefined) => T,
): T {
  let first: unknown;
  for (const parent of parents) {
    try {
      return next(parent);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== "ERR_MODULE_NOT_FOUND" && code !== "MODULE_NOT_FOUND") throw error;
      first ??= error;
    }
  }
  throw first ?? new Error(`cannot find ${specifier}`);
}

/** Imports `entry` (`file.export`) below the directory `source`. Throws `LoadError`. */
export async function loadHandler(source: string, entry: string): Promise<Handler> {
  const dot = entry.lastIndexOf(".");
  const name = entry.slice(dot + 1);
  const file = dot < 1 ? undefined : findFile(source, entry.slice(0, dot));
  if (file === undefined) {
    throw new LoadError("file_missing", `no file for entry "${entry}": tried ${tried(entry, dot)}`);
  }
  const exports = await importFile(file);
  const found = pick(exports, name);
  if (found === undefined) {
    const names = Object.keys(exports).toSorted().join(", ") || "nothing";
    throw new LoadError(
      "entry_missing",
      `${file.slice(source.length + 1)} does not export "${name}"; it exports ${names}`,
    );
  }
  if (typeof found !== "function") {
    throw new LoadError(
      "entry_invalid",
      `export "${name}" of ${file.slice(source.length + 1)} is no function but ${typeOf(found)}`,
    );
  }
  return found as Handler;
}

function tried(entry: string, dot: number): string {
  if (dot < 1) return "nothing, since an entry is <file>.<export>";
  return EXTENSIONS.slice(1)
    .map((extension) => `${entry.slice(0, dot)}${extension}`)
    .join(", ");
}

function findFile(source: string, name: string): string | undefined {
  for (const extension of EXTENSIONS) {
    const file = resolve(source, `${name}${extension}`);
    if (file.startsWith(resolve(source) + sep) && fs.existsSync(file) && fs.statSync(file).isFile())
      return file;
  }
  return undefined;
}

async function importFile(file: string): Promise<Record<string, unknown>> {
  try {
    return (await import(pathToFileURL(file).href)) as Record<string, unknown>;
  } catch (error) {
    const trace = inspect(error);
    if (isSyntaxError(error)) throw new LoadError("syntax_error", await where(error, file), trace);
    const message = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
    throw new LoadError("import_error", message, trace);
  }
}

/** A file that does not parse, as against code that throws a SyntaxError while it runs (`JSON.parse`). */
function isSyntaxError(error: unknown): error is Error {
  if (!(error instanceof Error)) return false;
  const { code } = error as NodeJS.ErrnoException;
  if (code === "ERR_INVALID_TYPESCRIPT_SYNTAX" || code === "ERR_UNSUPPORTED_TYPESCRIPT_SYNTAX") return true;
  if (error.name !== "SyntaxError" || /does not provide an export named|ambiguous/.test(error.message))
    return false;
  const frames = (error.stack ?? "")
    .split("\n")
    .filter((line) => /^\s+at /.test(line) && !line.includes(SERVER_URL));
  return !frames.some((line) => /file:\/\/|\(\/|at \/|<anonymous>/.test(line));
}

/** The message with its place, which Node keeps to itself in an import and prints in a check of the file. */
async function where(error: Error, file: string): Promise<string> {
  const report = await new Promise<string>((resolve) => {
    childProcess().execFile(
      process.execPath,
      ["--check", file],
      { timeout: CHECK_LIMIT_MS },
      (_error, _out, err) => resolve(err),
    );
  });
  const line = /^.*:(\d+)$/m.exec(report)?.[1];
  return line === undefined ? error.message : `${basename(file)}:${line}: ${error.message}`;
}

/** A named export; for CommonJS also a property of `module.exports`. */
function pick(exports: Record<string, unknown>, name: string): unknown {
  const inner = exports["default"];
  const properties = typeof inner === "object" && inner !== null ? (inner as Record<string, unknown>) : {};
  if (name === "default") return properties["default"] ?? inner;
  return Object.hasOwn(exports, name) ? exports[name] : properties[name];
}

function typeOf(value: unknown): string {
  return value === null ? "null" : Array.isArray(value) ? "an array" : `a value of type ${typeof value}`;
}
