import { createGoCompiler } from "./go/build.ts";
import type { Tools } from "./tools.ts";
import type { BuilderOptions, Compiler } from "./types.ts";

/** Runtime name -> compiler, for the toolchains that this machine has. */
export function createCompilers(
  { runtimes, cacheRoot }: BuilderOptions,
  tools: Tools,
): Readonly<Record<string, Compiler>> {
  return runtimes.go === undefined ? {} : { go: createGoCompiler(runtimes.go, tools, cacheRoot) };
}
