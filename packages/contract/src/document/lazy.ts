import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

/** Runs `make` at the first call and keeps its result. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

/**
 * zod and yaml cost about 60 ms to load, more than a whole `hanzo-fn list`; they are loaded by the first manifest
 * or configuration instead of by everyone who imports an error code. The ESM files are required, not the CommonJS
 * copies, so that a process never holds two of them.
 */
function load(name: string): unknown {
  return createRequire(import.meta.url)(fileURLToPath(import.meta.resolve(name)));
}

export const zod: () => typeof import("zod") = once(() => load("zod") as typeof import("zod"));
export const yaml: () => typeof import("yaml") = once(() => load("yaml") as typeof import("yaml"));
