import { createHash } from "node:crypto";
import { access, mkdir, readFile, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "./command.ts";
import { type GoModule, requiredVersions } from "./modules.ts";

/** Where a module's programs lie once they are built. */
export interface Built {
  readonly folder: string;
  /** Milliseconds that building took; undefined where all was there. */
  readonly ms: number | undefined;
  program(name: string): string;
}

export interface BuildOptions {
  readonly cache: string;
  readonly go: string;
  readonly command: Command;
  readonly log: (line: string) => void;
  readonly signal: AbortSignal;
}

const PART = /^\..+\.(\d+)$/;

/**
 * Builds the programs of a module that are not there yet, one after the other: each appears whole or not at all, so
 * that a build that was broken off goes on where it was. Other inputs (module files, flags, Go) are another build.
 */
export async function buildModule(module: GoModule, options: BuildOptions): Promise<Built> {
  const { go, command, log, signal } = options;
  const flags = await linkerFlags(module);
  const env = buildEnvironment(options.cache);
  const version = await command(go, ["env", "GOVERSION", "GOARCH"], { env, signal });
  const key = buildKey(await inputsOf(module.folder), flags, version);
  const builds = join(options.cache, "builds");
  const folder = join(builds, `${module.name}-${key}`);
  await mkdir(folder, { recursive: true });
  const started = performance.now();
  let built = false;
  for (const [program, source] of Object.entries(module.programs)) {
    if (await exists(join(folder, program))) continue;
    if (!built) log(`building ${module.name}: the first time takes minutes`);
    built = true;
    const from = performance.now();
    const part = join(folder, `.${program}.${process.pid}`);
    const args = ["build", "-trimpath", "-ldflags", flags, "-o", part, source];
    await command(go, args, { cwd: module.folder, env, signal });
    await rename(part, join(folder, program));
    log(`built ${program} in ${seconds(performance.now() - from)} s`);
  }
  if (built) {
    await removeOthers(builds, `${module.name}-`, `${module.name}-${key}`);
    await removeParts(folder);
  }
  return {
    folder,
    ms: built ? performance.now() - started : undefined,
    program: (name) => join(folder, name),
  };
}

/** Folders of the modules named, as the module cache has them; it downloads what is absent. */
export async function moduleFolders(
  module: GoModule,
  names: readonly string[],
  options: BuildOptions,
): Promise<string[]> {
  const run = { cwd: module.folder, env: buildEnvironment(options.cache), signal: options.signal };
  await options.command(options.go, ["mod", "download", ...names], run);
  const output = await options.command(options.go, ["list", "-m", "-f", "{{.Dir}}", ...names], run);
  return output.trim().split("\n");
}

/** go.mod and go.sum decide alone which modules are built: nothing may drift to another version. */
function buildEnvironment(cache: string): Record<string, string> {
  return {
    CGO_ENABLED: "0",
    GOCACHE: join(cache, "go-build"),
    GOFLAGS: "-mod=readonly -buildvcs=false",
    GOTOOLCHAIN: "local",
    GOWORK: "off",
  };
}

async function linkerFlags(module: GoModule): Promise<string> {
  const goMod = await readFile(join(module.folder, "go.mod"), "utf8");
  return ["-s", "-w", ...module.ldflags(requiredVersions(goMod))].join(" ");
}

/** Every file of the module's folder: for modules without code of their own, go.mod and go.sum. */
async function inputsOf(folder: string): Promise<Map<string, Buffer>> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = found.filter((item) => item.isFile()).map((item) => join(item.parentPath, item.name));
  const contents = await Promise.all(paths.map((path) => readFile(path)));
  return new Map(paths.map((path, at) => [path.slice(folder.length), contents[at] as Buffer]));
}

export function buildKey(inputs: ReadonlyMap<string, Uint8Array>, flags: string, go: string): string {
  const hash = createHash("sha256").update(JSON.stringify([flags, go.trim()]));
  for (const [path, bytes] of [...inputs].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(JSON.stringify([path, bytes.length])).update(bytes);
  return hash.digest("hex").slice(0, 16);
}

async function removeOthers(folder: string, prefix: string, kept: string): Promise<void> {
  const names = await readdir(folder);
  const old = names.filter((name) => name.startsWith(prefix) && name !== kept);
  await Promise.all(old.map((name) => rm(join(folder, name), { recursive: true, force: true })));
}

/** What builds that were killed had begun. */
async function removeParts(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const owner = PART.exec(name)?.[1];
    if (owner !== undefined && !(await exists(`/proc/${owner}`))) await rm(join(folder, name));
  }
}

const seconds = (ms: number): string => (ms / 1000).toFixed(1);

export const exists = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    () => false,
  );
