import { mkdir, readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { createBundler } from "./bundle.ts";
import { loadSecret } from "./copies.ts";
import { findEntryFile } from "./entry-file.ts";
import { createLayerStore } from "./layers.ts";
import { createNodeBuild } from "./node.ts";
import { createPythonBuild } from "./python.ts";
import type { BuilderOptions } from "./types.ts";

export type InPlaceOptions = Omit<BuilderOptions, "workRoot" | "runAs">;

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
}

/** Builds a source where it lies, for its author's own machine: no copy, so that traces name the author's files. */
export interface InPlaceBuilder {
  /** Throws as `Builder.prepare` does, and the signal's reason. */
  build(request: InPlaceRequest, signal: AbortSignal): Promise<InPlaceBuild>;
  close(): Promise<void>;
}

const OWNER = "dev";
/** The bundler's helper process stays as long as its author works. */
const NEVER_IDLE_MS = 2 ** 31 - 1;

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
  const layers = createLayerStore(full, await loadSecret(layersRoot));
  const python = createPythonBuild(full, layers);
  const node = createNodeBuild(full, layers);
  const bundler = createBundler(NEVER_IDLE_MS);

  const buildPython = async ({ root, runtime, entry }: InPlaceRequest, signal: AbortSignal) => {
    await findEntryFile(root, runtime, entry);
    const layer = await python.dependencies(OWNER, root, signal);
    return { entry, paths: layer ? [layer.dir] : [] };
  };
  const buildNode = async ({ root, runtime, entry, out }: InPlaceRequest, signal: AbortSignal) => {
    const file = await findEntryFile(root, runtime, entry);
    const [layer] = await Promise.all([
      (await hasModules(root)) ? undefined : node.dependencies(OWNER, root, signal),
      bundler.bundle(root, file, out),
    ]);
    const name = entry.slice(entry.lastIndexOf(".") + 1);
    const stem = (file.split("/").at(-1) as string).replace(/\.[^./]+$/, "");
    const folder = relative(root, out).split(sep).join("/");
    return { entry: `${folder}/${stem}.${name}`, paths: layer ? [layer.dir] : [] };
  };

  return {
    async build(request, signal) {
      signal.throwIfAborted();
      const built = await (request.runtime === "python" ? buildPython : buildNode)(request, signal);
      signal.throwIfAborted();
      return built;
    },
    close: () => bundler.close(),
  };
}
