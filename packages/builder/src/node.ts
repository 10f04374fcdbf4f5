import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildFailed, cutShort, installFailure, tailOf, unsupported } from "./failures.ts";
import { EVERYBODY, type Layer, type LayerStore } from "./layers.ts";
import { dependencyNames, readNodeManifest, type NodeManifest } from "./package-json.ts";
import { onnxruntimeManifest, preinstalledNode } from "./preinstalled.ts";
import { sourceTexts } from "./source-texts.ts";
import type { OnOutput, Tools } from "./tools.ts";
import type { BuilderOptions } from "./types.ts";

export interface NodeBuild {
  /** The layer (it holds `node_modules`) of the source's dependencies; undefined where there are none. */
  dependencies(
    org: string,
    source: string,
    signal: AbortSignal,
    onLine: OnOutput,
  ): Promise<Layer | undefined>;
  /** The shared layer of the pre-installed packages that the source imports and does not require itself. */
  preinstalled(source: string, signal: AbortSignal, onLine: OnOutput): Promise<Layer | undefined>;
  /** The shared layer with onnxruntime's library, for programs; see `onnxruntimeLibrary`. */
  onnxruntime(signal: AbortSignal, onLine: OnOutput): Promise<Layer>;
}

const QUIET = [
  "--no-audit",
  "--no-fund",
  "--no-update-notifier",
  "--loglevel=error",
  "--engine-strict=false",
];
const IMPATIENT = ["--fetch-retries=1", "--fetch-retry-mintimeout=500", "--fetch-retry-maxtimeout=2000"];

type Installable = Pick<NodeManifest, "packageJson" | "lock" | "npmrc">;

const SCRIPTS = [".ts", ".mts", ".tsx", ".js", ".mjs", ".cjs"];

const PROBE = "process.stdout.write([process.platform,process.arch,process.versions.modules].join(' '))";

async function manifest(source: string): Promise<NodeManifest | undefined> {
  const read = (name: string): Promise<string | undefined> =>
    readFile(join(source, name), "utf8").catch(() => undefined);
  const packageJson = await read("package.json");
  if (packageJson === undefined) return undefined;
  const lock = (await read("package-lock.json")) ?? (await read("npm-shrinkwrap.json"));
  return readNodeManifest({ packageJson, lock, npmrc: await read(".npmrc") });
}

export function createNodeBuild(options: BuilderOptions, layers: LayerStore, tools: Tools): NodeBuild {
  let probed: Promise<string> | undefined;

  const version = async (signal: AbortSignal): Promise<string> => {
    const command = [...options.runtimes.node.command, "-e", PROBE];
    const result = await tools.run(command, { cwd: "/", scratch: "/nonexistent", runs: "source", signal });
    if (result.kind === "exit" && result.code === 0) return result.stdout.trim();
    const reason = result.kind === "missing" ? result.reason : tailOf(result.output).at(-1);
    throw unsupported(
      `Node does not run: ${reason ?? "no reason given"}`,
      "see what is wrong: hanzo-fn doctor",
    );
  };

  const install = async (
    wanted: Installable,
    dir: string,
    scratch: string,
    signal: AbortSignal,
    onLine: OnOutput,
  ): Promise<void> => {
    await writeFile(join(dir, "package.json"), wanted.packageJson);
    if (wanted.lock !== undefined) await writeFile(join(dir, "package-lock.json"), wanted.lock);
    if (wanted.npmrc !== undefined) await writeFile(join(dir, ".npmrc"), wanted.npmrc);
    const command = [
      ...(options.npmCommand ?? ["npm"]),
      ...(wanted.lock === undefined ? ["install", "--no-package-lock"] : ["ci"]),
      "--omit=dev",
      `--ignore-scripts=${options.scripts !== true}`,
      ...QUIET,
      ...IMPATIENT,
    ];
    const diskRoots = [dir, scratch];
    const result = await tools.run(command, { cwd: dir, scratch, runs: "source", diskRoots, onLine, signal });
    if (result.kind === "missing") {
      throw unsupported(
        `npm cannot be run (${result.reason})`,
        "install npm, or set builds.npm; then: hanzo-fn doctor",
      );
    }
    if (result.kind !== "exit") throw cutShort("npm", result, tools.timeoutMs);
    if (result.code !== 0) throw installFailure("npm", result.output);
    // It may hold a registry's token, and a layer is readable by functions.
    await rm(join(dir, ".npmrc"), { force: true });
  };

  const layerOf = async (
    org: string,
    wanted: Installable,
    signal: AbortSignal,
    onLine: OnOutput,
  ): Promise<Layer> => {
    probed ??= version(signal).catch((error: unknown) => {
      probed = undefined;
      throw error;
    });
    const scripts = options.scripts === true ? "scripts" : "no scripts";
    const { packageJson, lock, npmrc } = wanted;
    const parts = ["node", await probed, scripts, packageJson, lock ?? "", npmrc ?? ""];
    return layers.get(org, parts, signal, (dir, scratch) => install(wanted, dir, scratch, signal, onLine));
  };
  const shared = (packageJson: string, signal: AbortSignal, onLine: OnOutput): Promise<Layer> =>
    layerOf(EVERYBODY, { packageJson, lock: undefined, npmrc: undefined }, signal, onLine);

  return {
    async dependencies(org, source, signal, onLine) {
      const wanted = await manifest(source);
      if (wanted && wanted.problems.length > 0) {
        throw buildFailed("the npm dependencies cannot be installed", wanted.problems);
      }
      if (!wanted || wanted.empty) return undefined;
      return layerOf(org, wanted, signal, onLine);
    },
    async preinstalled(source, signal, onLine) {
      const texts = await sourceTexts(source, SCRIPTS);
      if (preinstalledNode(texts, new Set()) === undefined) return undefined;
      const own = dependencyNames((await manifest(source))?.packageJson);
      const packageJson = preinstalledNode(texts, own);
      return packageJson === undefined ? undefined : shared(packageJson, signal, onLine);
    },
    onnxruntime: (signal, onLine) => shared(onnxruntimeManifest(), signal, onLine),
  };
}
