import { chmod, mkdir, rm, symlink } from "node:fs/promises";
import { basename, join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import { createSingleFlight } from "@hanzo-fn/lifecycle";
import { createBundler } from "./bundle.ts";
import { createCopyStore, loadSecret, type CopyRecord } from "./copies.ts";
import { findEntryFile } from "./entry-file.ts";
import { createLayerStore, type Layer } from "./layers.ts";
import { createNodeBuild } from "./node.ts";
import { createPythonBuild } from "./python.ts";
import { giveTree } from "./seal.ts";
import type { BuildRequest, Builder, BuilderDependencies, BuilderOptions, WorkingCopy } from "./types.ts";
import { unpackSource } from "./unpack.ts";

/** A copy that was asked for lately is kept although no revision refers to it yet. */
const RECENT_MS = 15 * 60_000;

type Phases = Record<string, number>;

/** Makes working copies from sources. Call it once per data directory; its directories are made where missing. */
export async function createBuilder(deps: BuilderDependencies, options: BuilderOptions): Promise<Builder> {
  for (const root of [options.workRoot, options.layersRoot]) {
    await mkdir(root, { recursive: true });
    await chmod(root, 0o711);
  }
  const secret = await loadSecret(options.workRoot);
  const copies = createCopyStore(options.workRoot, secret);
  const layers = createLayerStore(options, secret);
  const python = createPythonBuild(options, layers);
  const node = createNodeBuild(options, layers);
  const bundler = createBundler();
  const singleFlight = createSingleFlight<{ record: CopyRecord; phasesMs: Phases }>();
  const closing = new AbortController();
  const usedAtMs = new Map<string, number>();

  const timed = async <T>(phases: Phases, phase: string, run: () => Promise<T>): Promise<T> => {
    const begin = deps.clock.monotonic();
    const result = await run();
    phases[phase] = Math.round((deps.clock.monotonic() - begin) * 10) / 10;
    return result;
  };

  const buildPython = async (request: BuildRequest, dir: string, phases: Phases): Promise<CopyRecord> => {
    const source = join(dir, "source");
    const { signal } = closing;
    await findEntryFile(source, request.runtime, request.entry);
    const layer = await timed(phases, "dependencies", () => python.dependencies(request.org, source, signal));
    await timed(phases, "compile", async () => {
      await giveTree(source, options.runAs);
      await python.compile(source, "/nonexistent", signal);
    });
    return record(layer, layer ? [layer.dir] : []);
  };

  const buildNode = async (request: BuildRequest, dir: string, phases: Phases): Promise<CopyRecord> => {
    const source = join(dir, "source");
    const file = await findEntryFile(source, request.runtime, request.entry);
    const layer = await timed(phases, "dependencies", () =>
      node.dependencies(request.org, source, closing.signal),
    );
    await timed(phases, "bundle", () => bundler.bundle(source, file));
    if (layer) {
      const modules = join(source, "node_modules");
      await rm(modules, { recursive: true, force: true });
      await symlink(join(layer.dir, "node_modules"), modules);
    }
    return record(layer, []);
  };

  const build = async (request: BuildRequest, name: string) => {
    const phasesMs: Phases = {};
    const record = await copies.create(name, async (dir) => {
      await timed(phasesMs, "unpack", async () => {
        const archive = await deps.openSource(request.org, request.sourceDigest, closing.signal);
        await unpackSource(archive, join(dir, "source"), closing.signal);
      });
      return (request.runtime === "python" ? buildPython : buildNode)(request, dir, phasesMs);
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
    if (record?.layer === undefined || (await layers.exists(record.layer))) return record;
    return undefined;
  };

  return {
    async prepare(request, signal) {
      signal.throwIfAborted();
      const name = copies.name(request);
      usedAtMs.set(name, deps.clock.now());
      const known = await find(name);
      if (known) return workingCopy(request, copies.source(name), known, {}, true);
      const built = singleFlight(name, () => build(request, name));
      try {
        const { record, phasesMs } = await unlessAborted(built, signal);
        return workingCopy(request, copies.source(name), record, phasesMs, false);
      } catch (error) {
        throw signal.aborted ? error : named(error, request);
      }
    },
    async collect(referenced) {
      const names = new Set([...referenced].map((reference) => copies.name(reference)));
      const horizon = deps.clock.now() - RECENT_MS;
      for (const [name, atMs] of usedAtMs) if (atMs < horizon) usedAtMs.delete(name);
      const result = await copies.collect((name) => names.has(name) || usedAtMs.has(name));
      return { removed: result.removed + (await layers.collect(result.layers)) };
    },
    async close() {
      closing.abort(new PlatformError("draining", "the platform is stopping"));
      await bundler.close();
    },
  };
}

function record(layer: Layer | undefined, paths: readonly string[]): CopyRecord {
  return { layerKey: layer?.key, layer: layer && basename(layer.dir), paths };
}

function workingCopy(
  request: BuildRequest,
  dir: string,
  { layerKey, paths }: CopyRecord,
  phasesMs: Phases,
  cached: boolean,
): WorkingCopy {
  return {
    dir,
    entry: request.entry,
    paths,
    ...(layerKey === undefined ? {} : { layerKey }),
    phasesMs,
    cached,
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

/** Leaves the shared work running for the others when one caller goes. */
async function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason as Error);
  promise.catch(() => {});
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    work.catch(() => {});
  }
}
