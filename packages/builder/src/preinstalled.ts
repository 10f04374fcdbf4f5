/**
 * The packages that the standard says are there (HIP-60, Runtime Specification), each pinned. They take part in a function
 * that imports one, or loads a model, without naming a version of its own. docs/builds.md lists what deviates.
 */

/** Module -> requirement lines. */
const PYTHON: Readonly<Record<string, readonly string[]>> = {
  httpx: ["httpx==0.28.1"],
  numpy: ['numpy==2.2.6; python_version < "3.11"', 'numpy==2.4.6; python_version >= "3.11"'],
  onnxruntime: [
    'onnxruntime==1.23.2; python_version < "3.11"',
    'onnxruntime==1.31.1; python_version >= "3.11"',
  ],
  pydantic: ["pydantic==2.14.3"],
  tokenizers: ["tokenizers==0.23.3"],
  torch: ["torch==2.15.0"],
  transformers: ["transformers==5.23.0"],
};
/** What the loader of `ctx.model` imports. */
const PYTHON_MODELS = ["numpy", "onnxruntime", "tokenizers"];

const NODE: Readonly<Record<string, string>> = {
  "@huggingface/tokenizers": "0.2.0",
  "@xenova/transformers": "2.17.2",
  "onnxruntime-node": "1.30.0",
};
const NODE_MODELS = ["@huggingface/tokenizers", "onnxruntime-node"];
/** The image library that @xenova/transformers asks for downloads itself while it is installed; this one need not. */
const NODE_OVERRIDES = { sharp: "0.34.5" };

const GO: Readonly<Record<string, string>> = {
  "github.com/yalue/onnxruntime_go": "v1.27.0",
};

/** As they stand in a generated Cargo.toml. */
const RUST: Readonly<Record<string, string>> = {
  candle_core: `{ package = "candle-core", version = "=0.9.1" }`,
  candle_nn: `{ package = "candle-nn", version = "=0.9.1" }`,
  candle_transformers: `{ package = "candle-transformers", version = "=0.9.1" }`,
  reqwest: `{ version = "=0.12.24", default-features = false, features = ["json", "rustls-tls", "stream"] }`,
};
/** In every one of them, named or not: features of a crate that others depend on decide about how those are compiled. */
const RUST_ALWAYS: Readonly<Record<string, string>> = {
  serde: `{ version = "1", features = ["derive"] }`,
  serde_json: `"1"`,
  tokio: `{ version = "1", features = ["macros", "time", "sync", "rt", "net", "fs", "io-util"] }`,
};

const loadsModels = (texts: readonly string[]): boolean => texts.some((text) => /\.model\s*\(/.test(text));

/** Requirement lines for a Python source; `own`: what it requires itself, or ships under such a name. */
export function preinstalledPython(texts: readonly string[], own: ReadonlySet<string>): readonly string[] {
  const isImported = (module: string): boolean => {
    const from = `^[ \\t]*from[ \\t]+${module}(?:\\.\\w+)*[ \\t]+import\\b`;
    const plain = `^[ \\t]*import[ \\t]+(?:[\\w.]+(?:[ \\t]+as[ \\t]+\\w+)?[ \\t]*,[ \\t]*)*${module}\\b`;
    const pattern = new RegExp(`${from}|${plain}`, "m");
    return texts.some((text) => pattern.test(text));
  };
  const needed = new Set(Object.keys(PYTHON).filter(isImported));
  if (loadsModels(texts)) for (const module of PYTHON_MODELS) needed.add(module);
  const names = [...needed].filter((module) => !own.has(module)).toSorted();
  return names.flatMap((module) => PYTHON[module] ?? []);
}

/** package.json for what a TypeScript source takes of the table; undefined: nothing. */
export function preinstalledNode(texts: readonly string[], own: ReadonlySet<string>): string | undefined {
  const isImported = (name: string): boolean => {
    const quoted = `["']${name}(?:/[^"']*)?["']`;
    const pattern = new RegExp(`(?:\\bfrom|\\bimport|\\bimport\\s*\\(|\\brequire\\s*\\()\\s*${quoted}`);
    return texts.some((text) => pattern.test(text));
  };
  const needed = new Set(Object.keys(NODE).filter(isImported));
  if (loadsModels(texts)) for (const name of NODE_MODELS) needed.add(name);
  return nodeManifest([...needed].filter((name) => !own.has(name)));
}

/** onnxruntime's shared library for programs that load models comes out of the Node package, which every machine can install. */
export function onnxruntimeManifest(): string {
  return nodeManifest(["onnxruntime-node"]) as string;
}

function nodeManifest(names: readonly string[]): string | undefined {
  if (names.length === 0) return undefined;
  const dependencies = Object.fromEntries(names.toSorted().map((name) => [name, NODE[name]]));
  return JSON.stringify({
    name: "preinstalled",
    version: "0.0.0",
    private: true,
    dependencies,
    overrides: NODE_OVERRIDES,
  });
}

/** Modules of the table that the import paths need: module -> version. */
export function preinstalledGo(imports: ReadonlySet<string>): ReadonlyMap<string, string> {
  const needs = (module: string): boolean =>
    [...imports].some((path) => path === module || path.startsWith(`${module}/`));
  return new Map(Object.entries(GO).filter(([module]) => needs(module)));
}

/** Lines of the table for the crates that a source without Cargo.toml names. */
export function preinstalledRust(texts: readonly string[]): ReadonlyMap<string, string> {
  const isNamed = (crate: string): boolean =>
    texts.some((text) => new RegExp(`\\b${crate}(?:::|\\s*;|\\s*as\\b)`).test(text));
  return new Map([
    ...Object.entries(RUST_ALWAYS),
    ...Object.entries(RUST).filter(([crate]) => isNamed(crate)),
  ]);
}
