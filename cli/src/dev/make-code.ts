import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError, revisionName, type Manifest } from "@hanzo-fn/contract";
import type { InPlaceBuild, InPlaceBuilder } from "@hanzo-fn/builder";
import { InstanceGoneError, type InstanceLine, type SpecialiseResult } from "@hanzo-fn/instance";
import type { RuntimeLaunch } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import { CodeInstance } from "./code-instance.ts";
import { type FunctionSettings, readSettings } from "./function-settings.ts";
import type { Worker, Workers } from "./workers.ts";

export const ORG = "dev";
const LOAD_TIMEOUT_MS = 60_000;

export interface MakeDependencies {
  readonly root: string;
  readonly builder: InPlaceBuilder;
  readonly workers: Workers;
  readonly launches: Readonly<Record<string, RuntimeLaunch>>;
  /** Absolute directory below `root` for what builds make. */
  readonly scratch: string;
  readonly models: string | undefined;
  readonly onSettings: (settings: FunctionSettings, version: number) => void;
  readonly onLine: (line: InstanceLine) => void;
  readonly onExit: (error: PlatformError) => void;
  readonly clock: Clock;
}

function loadFailed(manifest: Manifest, result: Extract<SpecialiseResult, { ok: false }>): PlatformError {
  return new PlatformError("load_failed", `${result.kind}: ${result.message}`, {
    component: "dev",
    function: manifest.name,
    details: result.trace
      .split("\n")
      .filter((line) => line.trim() !== "")
      .map((rule) => ({ rule })),
    next: "mend it and save; the next request is served by the new code",
  });
}

function goneWhileLoading(manifest: Manifest, error: InstanceGoneError): PlatformError {
  const { code, signal, outOfMemory } = error.exit;
  const how = outOfMemory
    ? "needed more than its memory"
    : signal === null
      ? `exited with code ${code ?? "unknown"}`
      : `was ended by ${signal}`;
  return new PlatformError("load_failed", `the code ${how} while loading`, {
    component: "dev",
    function: manifest.name,
  });
}

function checkRuntime(launches: MakeDependencies["launches"], { runtime, name }: Manifest): void {
  const launch = launches[runtime];
  const why = launch === undefined ? "this build does not serve it" : launch.unavailable;
  if (why === undefined) return;
  throw new PlatformError("unsupported", `the runtime ${runtime} is not available: ${why}`, {
    component: "dev",
    function: name,
    next: "hanzo-fn doctor",
  });
}

async function load(
  worker: Worker,
  body: Parameters<Worker["process"]["specialise"]>[0],
  manifest: Manifest,
  signal: AbortSignal,
): Promise<void> {
  const late = AbortSignal.timeout(LOAD_TIMEOUT_MS);
  try {
    const result = await worker.process.specialise(body, AbortSignal.any([signal, late]));
    if (!result.ok) throw loadFailed(manifest, result);
  } catch (error) {
    if (error instanceof InstanceGoneError) throw goneWhileLoading(manifest, error);
    if (late.aborted && !signal.aborted) {
      const message = `the code did not finish loading within ${LOAD_TIMEOUT_MS / 1000} s`;
      throw new PlatformError("load_failed", message, { component: "dev", function: manifest.name });
    }
    throw error;
  }
}

/** Makes one instance of the source as it is now; every call makes another one. */
export function createMakeCode(
  deps: MakeDependencies,
): (version: number, signal: AbortSignal) => Promise<CodeInstance> {
  const { root, builder, workers, clock } = deps;
  let count = 0;

  const start = async (
    { manifest, environment }: FunctionSettings,
    built: InPlaceBuild,
    revision: string,
    onGone: () => void,
    signal: AbortSignal,
  ): Promise<CodeInstance> => {
    const name = `fn-${revision}-dev-${randomBytes(3).toString("hex")}`;
    const worker = await workers.take(manifest.runtime, signal);
    try {
      worker.attach(deps.onLine);
      worker.process.limitMemory(manifest.resources.memoryBytes);
      const { concurrency, timeoutMs, memoryBytes } = manifest.resources;
      const body = {
        org: ORG,
        function: manifest.name,
        revision,
        instance: name,
        source: root,
        entry: built.entry,
        paths: built.paths,
        environment,
        concurrency,
        timeoutMs,
      };
      await load(worker, body, manifest, signal);
      const { onExit } = deps;
      const options = { name, function: manifest.name, revision, memoryBytes, onExit, onGone, clock };
      return new CodeInstance(worker.process, options);
    } catch (error) {
      await worker.process.kill();
      throw error;
    } finally {
      workers.prepare(manifest.runtime);
    }
  };

  return async (version, signal) => {
    const out = join(deps.scratch, String(++count));
    const forget = (): void => void rm(out, { recursive: true, force: true }).catch(() => {});
    const settings = await readSettings(root);
    const { manifest } = settings;
    const revision = revisionName(manifest.name, version);
    deps.onSettings(settings, version);
    checkRuntime(deps.launches, manifest);
    await mkdir(out, { recursive: true });
    try {
      const built = await builder.build(
        { root, runtime: manifest.runtime, entry: manifest.entry, out },
        signal,
      );
      return await start(settings, built, revision, forget, signal);
    } catch (error) {
      forget();
      throw error;
    }
  };
}
