import { access, chmod, mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import { createBundler } from "./bundle.ts";
import { createCompilers } from "./compilers.ts";
import { probeConfinement } from "./confinement.ts";
import { createCopyStore, layersOf, loadSecret, type CopyRecord } from "./copies.ts";
import { findEntryFile } from "./entry-file.ts";
import { redact, unsupported } from "./failures.ts";
import { createLayerStore, type Layer } from "./layers.ts";
import { createNodeBuild } from "./node.ts";
import { ONNXRUNTIME, onnxruntimeLibrary } from "./onnxruntime.ts";
import { createPythonBuild } from "./python.ts";
import { giveTree } from "./seal.ts";
import { createSharedBuilds } from "./shared-builds.ts";
import { sourceHash } from "./source-hash.ts";
import { createTools } from "./tools.ts";
import type {
  BuildRequest,
  Builder,
  BuilderDependencies,
  BuilderOptions,
  Compiler,
  WorkingCopy,
} from "./types.ts";
import { unpackSource } from "./unpack.ts";

/** A copy that was asked for lately is kept although no revision refers to it yet. */
const RECENT_MS = 15 * 60_000;

/** What compilers keep goes when nothing was compiled with it for so long. */
const COMPILED_MS = 14 * 86_400_000;

type Phases = Record<string, number>;

interface Built {
  readonly record: CopyRecord;
  readonly phasesMs: Phases;
}

/** In a program's layer: the executable, and a mark that it loads models. */
const PROGRAM = "function";
const MODELS = "loads-models";

/** One build under way. */
interface Build {
  readonly request: BuildRequest;
  /** Becomes the working copy; the source lies in `source`. */
  readonly dir: string;
  readonly phases: Phases;
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Makes working copies from sources. Call it once per data directory; its directories are made where missing. */
export async function createBuilder(deps: BuilderDependencies, options: BuilderOptions): Promise<Builder> {
  for (const root of [options.workRoot, options.layersRoot, options.cacheRoot]) {
    await mkdir(root, { recursive: true });
    await chmod(root, 0o711);
  }
  const secret = await loadSecret(options.workRoot);
  const tools = createTools(options, await probeConfinement(options.runAs));
  const compilers = createCompilers(options, tools, secret);
  const keys = Object.entries(compilers).map(([runtime, compiler]) => [runtime, compiler.key]);
  const copies = createCopyStore(options.workRoot, secret, Object.fromEntries(keys));
  const layers = createLayerStore(options, secret);
  const python = createPythonBuild(options, layers, tools);
  const node = createNodeBuild(options, layers, tools);
  const bundler = createBundler();
  const closing = new AbortController();
  const shared = createSharedBuilds<Built>(closing.signal);
  const usedAtMs = new Map<string, number>();

  const timed = async <T>(phases: Phases, phase: string, run: () => Promise<T>): Promise<T> => {
    const begin = deps.clock.monotonic();
    const result = await run();
    phases[phase] = Math.round((deps.clock.monotonic() - begin) * 10) / 10;
    return result;
  };

  const buildPython = async ({ request, dir, phases, onLine, signal }: Build): Promise<CopyRecord> => {
    const source = join(dir, "source");
    await findEntryFile(source, request.runtime, request.entry);
    const [layer, shared] = await timed(phases, "dependencies", async () => [
      await python.dependencies(request.org, source, signal, onLine),
      await python.preinstalled(source, signal, onLine),
    ]);
    await timed(phases, "compile", async () => {
      await giveTree(source, options.runAs);
      await python.compile(source, "/nonexistent", signal);
    });
    // Its own first: what it pins wins over what is there anyway.
    const paths = [layer, shared].flatMap((item) => (item === undefined ? [] : [item.dir]));
    return record(layer, shared, paths);
  };

  const buildNode = async ({ request, dir, phases, onLine, signal }: Build): Promise<CopyRecord> => {
    const source = join(dir, "source");
    const file = await findEntryFile(source, request.runtime, request.entry);
    const [layer, shared] = await timed(phases, "dependencies", async () => [
      await node.dependencies(request.org, source, signal, onLine),
      await node.preinstalled(source, signal, onLine),
    ]);
    await timed(phases, "bundle", () => bundler.bundle(source, file));
    if (layer) {
      const modules = join(source, "node_modules");
      await rm(modules, { recursive: true, force: true });
      await symlink(join(layer.dir, "node_modules"), modules);
    }
    // Node looks in the directories above when it has not found a package beside the code.
    if (shared) await symlink(join(shared.dir, "node_modules"), join(dir, "node_modules"));
    return record(layer, shared, []);
  };

  /** The program is a layer: revisions that differ in nothing that is compiled share it. */
  const buildCompiled = async (build: Build, compiler: Compiler): Promise<CopyRecord> => {
    const { request, dir, phases, onLine, signal } = build;
    const { org, function: name, runtime, entry } = request;
    const source = join(dir, "source");
    const layer = await timed(phases, "compile", async () => {
      const parts = ["program", runtime, entry, compiler.key, await sourceHash(source)];
      return layers.get(org, parts, signal, async (content, scratch) => {
        const program = join(content, PROGRAM);
        const place = { org, function: name, entry, source, scratch, program };
        const made = await compiler.compile({ ...place, mode: "release", onLine, signal });
        if (made.loadsModels) await writeFile(join(content, MODELS), "");
      });
    });
    const loadsModels = await access(join(layer.dir, MODELS)).then(
      () => true,
      () => false,
    );
    if (!loadsModels) return { ...record(layer, undefined, []), compiled: true };
    const shared = await timed(phases, "dependencies", () => node.onnxruntime(signal, onLine));
    const environment = { [ONNXRUNTIME]: await onnxruntimeLibrary(shared.dir) };
    return { ...record(layer, shared, []), compiled: true, environment };
  };

  const buildSource = (build: Build): Promise<CopyRecord> => {
    const { runtime } = build.request;
    if (runtime === "python") return buildPython(build);
    if (runtime === "typescript") return buildNode(build);
    const compiler = compilers[runtime];
    if (compiler) return buildCompiled(build, compiler);
    throw unsupported(`this machine cannot compile ${runtime}`, "see what is missing: hanzo-fn doctor");
  };

  const make = async (
    request: BuildRequest,
    name: string,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<Built> => {
    const phasesMs: Phases = {};
    const record = await copies.create(name, async (dir) => {
      await timed(phasesMs, "unpack", async () => {
        const archive = await deps.openSource(request.org, request.sourceDigest, signal);
        await unpackSource(archive, join(dir, "source"), signal);
      });
      return buildSource({ request, dir, phases: phasesMs, onLine, signal });
    });
    deps.log.info("working copy built", {
      org_id: request.org,
      function: request.function,
      revision: request.revision,
      ...Object.fromEntries(Object.entries(phasesMs).map(([phase, ms]) => [`${phase}_ms`, ms])),
    });
    return { record, phasesMs };
  };

  const find = async (name: string): Promise<CopyRecord | undefined> => {
    const record = await copies.find(name);
    const there = await Promise.all(layersOf(record).map((layer) => layers.exists(layer)));
    return there.every(Boolean) ? record : undefined;
  };

  const workingCopy = (request: BuildRequest, name: string, built: Built, cached: boolean): WorkingCopy => {
    const { layer, layerKey, paths, compiled, environment } = built.record;
    const executable = compiled === true ? join(options.layersRoot, layer ?? "", PROGRAM) : undefined;
    return {
      dir: copies.source(name),
      entry: request.entry,
      paths,
      ...(executable === undefined ? {} : { executable }),
      ...(environment === undefined ? {} : { environment }),
      ...(layerKey === undefined ? {} : { layerKey }),
      phasesMs: built.phasesMs,
      cached,
    };
  };

  return {
    keyOf: (runtime) => compilers[runtime]?.key ?? "",
    async prepare(request, signal, onLine) {
      signal.throwIfAborted();
      const name = copies.name(request);
      usedAtMs.set(name, deps.clock.now());
      const known = await find(name);
      if (known) return workingCopy(request, name, { record: known, phasesMs: {} }, true);
      const say = (line: string): void => onLine?.(redact(line));
      try {
        const built = await shared(name, signal, (own) => make(request, name, say, own));
        return workingCopy(request, name, built, false);
      } catch (error) {
        throw signal.aborted ? error : named(error, request);
      }
    },
    async collect(referenced) {
      const names = new Set([...referenced].map((reference) => copies.name(reference)));
      const now = deps.clock.now();
      const horizon = now - RECENT_MS;
      for (const [name, atMs] of usedAtMs) if (atMs < horizon) usedAtMs.delete(name);
      const result = await copies.collect((name) => names.has(name) || usedAtMs.has(name));
      const removed = result.removed + (await layers.collect(result.layers));
      for (const compiler of Object.values(compilers)) await compiler.collect?.(now - COMPILED_MS);
      return { removed };
    },
    async close() {
      closing.abort(new PlatformError("draining", "the platform is stopping"));
      await bundler.close();
    },
  };
}

function record(layer: Layer | undefined, shared: Layer | undefined, paths: readonly string[]): CopyRecord {
  return {
    layerKey: layer?.key,
    layer: layer && basename(layer.dir),
    shared: shared && basename(shared.dir),
    paths,
  };
}

/** The error with the function it belongs to. */
function named(error: unknown, { function: name, revision }: BuildRequest): unknown {
  if (!(error instanceof PlatformError)) return error;
  const { code, message, component, details, next, retryAfterSeconds, cause } = error;
  return new PlatformError(code, message, {
    function: name,
    revision,
    next,
    ...(cause === undefined ? {} : { cause }),
    ...(component === undefined ? {} : { component }),
    ...(details === undefined ? {} : { details }),
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  });
}
