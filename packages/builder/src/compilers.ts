import { join } from "node:path";
import { createGoCompiler } from "./go/build.ts";
import { createRustCompiler } from "./rust/build.ts";
import type { Tools } from "./tools.ts";
import type { BuilderOptions, Compiler } from "./types.ts";

/** Runtime name -> compiler, for the toolchains that this machine has. `secret` names what belongs to one organisation. */
export function createCompilers(
  { runtimes: { go, rust }, cacheRoot, workRoot }: BuilderOptions,
  tools: Tools,
  secret: Buffer,
): Readonly<Record<string, Compiler>> {
  const places = { cacheRoot, ownRoot: join(workRoot, ".rust"), secret };
  return {
    ...(go === undefined ? {} : { go: createGoCompiler(go, tools, cacheRoot) }),
    ...(rust === undefined ? {} : { rust: createRustCompiler(rust, tools, places) }),
  };
}
