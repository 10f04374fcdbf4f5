import { existsSync } from "node:fs";
import { realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import type { ImageRuntime } from "../debian/packages.ts";
import type { Content, FunctionImageInput } from "./function-image.ts";
import { APP } from "./runtime-image.ts";

/** A working copy as packages/builder makes it, as far as an image needs to know. */
export interface BuiltFunction {
  readonly dir: string;
  readonly entry: string;
  readonly paths: readonly string[];
  readonly executable?: string | undefined;
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Undefined where the function has no dependencies of its own. */
  readonly layerKey?: string | undefined;
}

type Parts = Pick<FunctionImageInput, "entry" | "dependencies" | "code" | "paths" | "env">;

const OWN = "/opt/deps/own";
/** The pre-installed packages that the function takes part in. */
const SHARED = "/opt/deps/shared";
const MODULES = "node_modules";

/** What of a working copy goes where in the function's image. */
export async function functionParts(runtime: ImageRuntime, copy: BuiltFunction): Promise<Parts> {
  if (runtime === "python") return pythonParts(copy);
  if (runtime === "typescript") return typescriptParts(copy);
  return compiledParts(copy);
}

function pythonParts({ dir, entry, paths, layerKey }: BuiltFunction): Parts {
  const targets = layerKey === undefined ? [SHARED] : [OWN, SHARED];
  const dependencies = paths.map((from, i): Content => ({ from, to: targets[i] ?? SHARED }));
  return {
    entry,
    dependencies,
    code: [{ from: dir, to: APP }],
    paths: dependencies.map(({ to }) => to),
  };
}

/** Packages lie where Node looks: beside the code, and above it the pre-installed ones. */
async function typescriptParts({ dir, entry }: BuiltFunction): Promise<Parts> {
  const places = [
    [join(dir, MODULES), `${APP}/${MODULES}`],
    [join(dirname(dir), MODULES), `/${MODULES}`],
  ] as const;
  const there = places.filter(([from]) => existsSync(from));
  const dependencies = there.map(async ([from, to]): Promise<Content> => ({
    from: await realpath(from),
    to,
  }));
  const include = (path: string): boolean => path !== MODULES && !path.startsWith(`${MODULES}/`);
  return { entry, dependencies: await Promise.all(dependencies), code: [{ from: dir, to: APP, include }] };
}

/** The program alone, and the libraries that it loads. What it was compiled from stays outside. */
function compiledParts({ entry, executable, environment }: BuiltFunction): Parts {
  if (executable === undefined) {
    throw new PlatformError("invalid_source", "there is no compiled program", { component: "oci" });
  }
  const libraries = Object.entries(environment ?? {}).map(([variable, from]) => ({
    variable,
    from,
    to: `${SHARED}/${basename(from)}`,
  }));
  return {
    entry,
    dependencies: libraries.map(({ from, to }) => ({ from, to })),
    code: [{ from: executable, to: `${APP}/function` }],
    env: Object.fromEntries(libraries.map(({ variable, to }) => [variable, to])),
  };
}
