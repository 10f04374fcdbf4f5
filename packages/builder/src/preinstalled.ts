/**
 * The packages that the standard says are there (HIP-60, Runtime Specification), one pinned version each. They take
 * part in a function that imports one without naming a version of its own.
 */
const GO: Readonly<Record<string, string>> = {
  "github.com/yalue/onnxruntime_go": "v1.27.0",
};

/** Modules of the table that the import paths need: module -> version. */
export function preinstalledGo(imports: ReadonlySet<string>): ReadonlyMap<string, string> {
  const needs = (module: string): boolean =>
    [...imports].some((path) => path === module || path.startsWith(`${module}/`));
  return new Map(Object.entries(GO).filter(([module]) => needs(module)));
}

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

/** Lines of the table for the crates that a source without Cargo.toml names. */
export function preinstalledRust(texts: readonly string[]): ReadonlyMap<string, string> {
  const isNamed = (crate: string): boolean =>
    texts.some((text) => new RegExp(`\\b${crate}(?:::|\\s*;|\\s*as\\b)`).test(text));
  return new Map([
    ...Object.entries(RUST_ALWAYS),
    ...Object.entries(RUST).filter(([crate]) => isNamed(crate)),
  ]);
}
