import { cp, mkdir, readdir } from "node:fs/promises";
import { basename, join, relative, sep } from "node:path";
import { createBundler } from "./bundle.ts";
import { openCompileFolders } from "./compile-folders.ts";
import { createCompilers } from "./compilers.ts";
import { loadSecret } from "./copies.ts";
import { findEntryFile } from "./entry-file.ts";
import { unsupported } from "./failures.ts";
import { createLayerStore, type Layer } from "./layers.ts";
import { createNodeBuild } from "./node.ts";
import { ONNXRUNTIME, onnxruntimeLibrary } from "./onnxruntime.ts";
import { createPythonBuild } from "./python.ts";
import { probeConfinement } from "./confinement.ts";
import { createTools } from "./tools.ts";
import type { BuilderOptions, Compiler } from "./types.ts";

export interface InPlaceOptions extends Omit<BuilderOptions, "workRoot" | "runAs"> {
  /** Names of files and folders that are no part of a source. */
  readonly leavesOut: (name: string) => boolean;
}

export interface InPlaceRequest {
  /** Absolute directory of the source, as its author has it. Nothing is written into it but below `out`. */
  readonly root: string;
  readonly runtime: string;
  readonly entry: string;
  /** Absolute directory below `root` for what is made; exists, and is another one for every build. */
  readonly out: string;
}

export interface InPlaceBuild {
  /** In the runtime's own spelling, relative to `root`. */
  readonly entry: string;
  /** Directories for the module search path, in order. */
  readonly paths: readonly string[];
  /** Absolute path of the function's own program, until the next build; set for compiled runtimes. */
  readonly executable?: string | undefined;
  /** Variables that its instances get besides the function's own. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** Where a program that was compiled believes its source to be: the beginning of paths in its traces. */
  readonly compiledAt?: string | undefined;
}

/** Builds a source where it lies, for its author's own machine: no copy, so that traces name the author's files. */
export interface InPlaceBuilder {
  /** Throws as `Builder.prepare` does, and the signal's reason. */
  build(request: InPlaceRequest, signal: AbortSignal): Promise<InPlaceBuild>;
  close(): Promise<void>;
}

const OWNER = "dev";
const silent = (): void => {};
/** The bundler's helper process stays as long as its author works. */
const NEVER_IDLE_MS = 2 ** 31 - 1;

function dirsOf(layers: readonly (Layer | undefined)[]): string[] {
  return layers.flatMap((layer) => (layer === undefined ? [] : [layer.dir]));
}

/** Whether the author has installed packages: `node_modules` with more in it than the platform's own. */
async function hasModules(root: string): Promise<boolean> {
  const names = await readdir(join(root, "node_modules")).catch(() => []);
  return names.some((name) => !name.startsWith(".") && name !== "@hanzo");
}

/** `layersRoot` is made where it is missing. */
export async function createInPlaceBuilder(options: InPlaceOptions): Promise<InPlaceBuilder> {
  const { layersRoot } = options;
  await mkdir(layersRoot, { recursive: true });
  const full: BuilderOptions = { ...options, workRoot: layersRoot };
  const secret = await loadSecret(layersRoot);
  const layers = createLayerStore(full, secret);
  const tools = createTools(full, await probeConfinement(undefined));
  const python = createPythonBuild(full, layers, tools);
  const node = createNodeBuild(full, layers, tools);
  const bundler = createBundler(NEVER_IDLE_MS);
  const compiling = await openCompileFolders(join(options.cacheRoot, "in-place"));
  const compilers = createCompilers(full, tools, secret);

  const buildPython = async ({ root, runtime, entry }: InPlaceRequest, signal: AbortSignal) => {
    await findEntryFile(root, runtime, entry);
    const layer = await python.dependencies(OWNER, root, signal, silent);
    const shared = await python.preinstalled(root, signal, silent);
    return { entry, paths: dirsOf([layer, shared]) };
  };
  const buildNode = async ({ root, runtime, entry, out }: InPlaceRequest, signal: AbortSignal) => {
    const file = await findEntryFile(root, runtime, entry);
    const installed = await hasModules(root);
    const [layer, shared] = await Promise.all([
      installed ? undefined : node.dependencies(OWNER, root, signal, silent),
      node.preinstalled(root, signal, silent),
      bundler.bundle(root, file, out),
    ]);
    const name = entry.slice(entry.lastIndexOf(".") + 1);
    const stem = (file.split("/").at(-1) as string).replace(/\.[^./]+$/, "");
    const folder = relative(root, out).split(sep).join("/");
    return { entry: `${folder}/${stem}.${name}`, paths: dirsOf([layer, shared]) };
  };
  const modelEnvironment = async (signal: AbortSignal): Promise<Readonly<Record<string, string>>> => {
    const { dir } = await node.onnxruntime(signal, silent);
    return { [ONNXRUNTIME]: await onnxruntimeLibrary(dir) };
  };
  const buildCompiled = async ({ root, entry }: InPlaceRequest, compiler: Compiler, signal: AbortSignal) => {
    const folder = await compiling.folder(root);
    const [source, scratch] = [join(folder, "in"), join(folder, "scratch")];
    for (const part of ["home", "tmp"]) await mkdir(join(scratch, part), { recursive: true });
    await cp(root, source, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => path === root || !options.leavesOut(basename(path)),
    });
    const executable = join(folder, "function");
    const place = { org: OWNER, function: root, source, scratch, program: executable };
    const { loadsModels } = await compiler.compile({ ...place, entry, mode: "dev", onLine: silent, signal });
    const environment = loadsModels ? await modelEnvironment(signal) : undefined;
    return { entry, paths: [], executable, environment, compiledAt: join(scratch, "source") };
  };
  const buildAny = (request: InPlaceRequest, signal: AbortSignal): Promise<InPlaceBuild> => {
    if (request.runtime === "python") return buildPython(request, signal);
    if (request.runtime === "typescript") return buildNode(request, signal);
    const compiler = compilers[request.runtime];
    if (compiler !== undefined) return buildCompiled(request, compiler, signal);
    throw unsupported(`this machine cannot compile ${request.runtime}`, "hanzo-fn doctor");
  };

  return {
    async build(request, signal) {
      signal.throwIfAborted();
      const built = await buildAny(request, signal);
      signal.throwIfAborted();
      return built;
    },
    async close() {
      await Promise.all([bundler.close(), compiling.close()]);
    },
  };
}
