import type { GoPackage } from "./source.ts";

/** The SDK's import path; the builder puts the platform's own copy in its place. */
export const GO_SDK = "github.com/hanzoai/functions/sdk";
export const GO_ONNX = `${GO_SDK}/onnx`;
/** Its modules: the second one loads models, and is the only one with dependencies. `dir`: below the SDK's folder. */
export const GO_SDK_MODULES: readonly { readonly path: string; readonly dir: string }[] = [
  { path: GO_SDK, dir: "" },
  { path: GO_ONNX, dir: "onnx" },
];
/** The name of the module that a source without go.mod becomes. */
export const GO_MODULE = "function";
const MAIN_FILE = "hanzo_fn_main.go";
const MAIN_DIR = "hanzo_fn_main";

export interface GeneratedMain {
  /** Relative to the source. */
  readonly file: string;
  readonly text: string;
  /** The package to build, as `go build` takes it. */
  readonly target: string;
}

/** A program that serves `name` of a package: inside it where it is `main`, which nothing can import, else beside it. */
export function generateMain(
  module: string,
  { dir, name: packageName }: GoPackage,
  name: string,
  models: boolean,
): GeneratedMain {
  const inside = packageName === "main";
  // Aliases: a package may well declare a `server` of its own.
  const imports = [`hanzoFnServer "${GO_SDK}/server"`];
  if (!inside) imports.push(`hanzoFnHandler "${dir === "" ? module : `${module}/${dir}`}"`);
  if (models) imports.push(`_ "${GO_ONNX}"`);
  const handler = inside ? name : `hanzoFnHandler.${name}`;
  const block = imports.map((line) => `\t${line}\n`).join("");
  const text = `package main\n\nimport (\n${block})\n\nfunc main() { hanzoFnServer.Main(${handler}) }\n`;
  if (!inside) return { file: `${MAIN_DIR}/main.go`, text, target: `./${MAIN_DIR}` };
  const file = dir === "" ? MAIN_FILE : `${dir}/${MAIN_FILE}`;
  return { file, text, target: dir === "" ? "." : `./${dir}` };
}

/** go.mod for a source that has none; `required`: module -> version, of pre-installed packages that it imports. */
export function generateGoMod(language: string, required: ReadonlyMap<string, string>): string {
  const lines = [...required].toSorted().map(([path, version]) => `\t${path} ${version}\n`);
  const block = lines.length === 0 ? "" : `\nrequire (\n${lines.join("")})\n`;
  return `module ${GO_MODULE}\n\ngo ${language}\n${block}`;
}

/**
 * `vendor/modules.txt` with the platform's SDK in it: a vendored source builds from its own folder alone, and the go
 * command compares that list with go.mod.
 */
export function vendoredModules(
  modules: string,
  sdk: {
    readonly version: string;
    readonly dir: string;
    readonly go: string;
    readonly packages: readonly string[];
  },
): string {
  const kept: string[] = [];
  let ours = false;
  for (const line of modules.split("\n")) {
    if (line.startsWith("# ")) ours = line.split(" ")[1] === GO_SDK;
    if (!ours) kept.push(line);
  }
  const head = `# ${GO_SDK} ${sdk.version} => ${sdk.dir}`;
  // Replacements without a version are repeated at the end.
  const block = [head, `## explicit; go ${sdk.go}`, ...sdk.packages, `# ${GO_SDK} => ${sdk.dir}`];
  return `${[...kept.filter((line) => line !== ""), ...block].join("\n")}\n`;
}
