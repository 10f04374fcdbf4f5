import { randomBytes } from "node:crypto";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Manifest, PlatformError, revisionName } from "@hanzo-fn/contract";
import type { InPlaceBuild, InPlaceBuilder } from "@hanzo-fn/builder";
import type { Gateway, GatewayGrant, RuntimeLaunch } from "@hanzo-fn/engine";
import { bootEnvironment, type InstanceLine, type SpecialiseBody } from "@hanzo-fn/instance";
import type { Clock } from "@hanzo-fn/lifecycle";
import { CodeInstance } from "./code-instance.ts";
import type { CodeDebugger } from "./debugger.ts";
import { LONGEST_CALL_MS } from "./front.ts";
import { type FunctionSettings, readSettings } from "./function-settings.ts";
import { explainLoad, loadCode } from "./load-code.ts";
import { ORG } from "./org.ts";
import type { Worker, Workers } from "./workers.ts";

export interface MakeDependencies {
  readonly root: string;
  readonly builder: InPlaceBuilder;
  readonly workers: Workers;
  readonly launches: Readonly<Record<string, RuntimeLaunch>>;
  /** Absolute directory below `root` for what builds make. */
  readonly scratch: string;
  /** Undefined where no debugger is wanted. */
  readonly debuggerOf: (runtime: string, launch: RuntimeLaunch) => Promise<CodeDebugger> | undefined;
  /** A token of the services for one instance, good until it is disposed of. */
  readonly grant: Gateway["grant"];
  readonly onSettings: (settings: FunctionSettings, version: number) => void;
  /** Removes what the language keeps of the source's last state. */
  readonly forgetCompiled: () => Promise<void>;
  readonly onLine: (line: InstanceLine) => void;
  readonly onExit: (error: PlatformError) => void;
  readonly clock: Clock;
}

/** Makes one instance of the source as it is now; every call makes another one. */
export type MakeCode = (version: number, signal: AbortSignal) => Promise<CodeInstance>;

function launchOf(launches: MakeDependencies["launches"], { runtime, name }: Manifest): RuntimeLaunch {
  const launch = launches[runtime];
  const why = launch === undefined ? "this build does not serve it" : launch.unavailable;
  if (launch !== undefined && why === undefined) return launch;
  throw new PlatformError("unsupported", `the runtime ${runtime} is not available: ${why}`, {
    component: "dev",
    function: name,
    next: "hanzo-fn doctor",
  });
}

function bodyOf(
  { manifest, environment }: FunctionSettings,
  built: InPlaceBuild,
  more: {
    readonly revision: string;
    readonly instance: string;
    readonly source: string;
    readonly debug: boolean;
    readonly grant: GatewayGrant;
  },
): SpecialiseBody {
  const { concurrency, timeoutMs } = manifest.resources;
  const { revision, instance, source, debug, grant } = more;
  return {
    org: ORG,
    function: manifest.name,
    revision,
    instance,
    source,
    entry: built.entry,
    paths: built.paths,
    environment: { ...environment, ...built.environment },
    concurrency,
    timeoutMs: debug ? LONGEST_CALL_MS : timeoutMs,
    gateway: { url: grant.url, token: grant.token },
  };
}

export function createMakeCode(deps: MakeDependencies): MakeCode {
  const { root, builder, workers, clock } = deps;
  let count = 0;
  let last: CodeInstance | undefined;

  const startGeneric = async (
    manifest: Manifest,
    body: SpecialiseBody,
    signal: AbortSignal,
  ): Promise<Worker> => {
    const plain = launchOf(deps.launches, manifest);
    const debug = await deps.debuggerOf(manifest.runtime, plain);
    const launch = debug?.launch ?? plain;
    const before = last?.process.alive === true ? last : undefined;
    if (debug?.exclusive === true) await before?.ended();
    const worker = await workers.take(manifest.runtime, launch, signal);
    try {
      worker.attach(deps.onLine);
      worker.process.limitMemory(manifest.resources.memoryBytes);
      if (before === undefined) debug?.open(worker.process.pid);
      else if (debug !== undefined) void before.process.exited.then(() => debug.open(worker.process.pid));
      await deps.forgetCompiled();
      await loadCode(worker.process, body, signal);
      return worker;
    } catch (error) {
      await worker.process.kill();
      throw error;
    } finally {
      if (debug?.exclusive !== true) workers.prepare(manifest.runtime, launch);
    }
  };
  const startCompiled = async (
    executable: string,
    compiledAt: string,
    manifest: Manifest,
    body: SpecialiseBody,
    signal: AbortSignal,
  ): Promise<Worker> => {
    try {
      const worker = await workers.run(executable, bootEnvironment(body), signal);
      worker.attach((line) => deps.onLine({ ...line, msg: line.msg.replaceAll(compiledAt, root) }));
      worker.process.limitMemory(manifest.resources.memoryBytes);
      return worker;
    } catch (error) {
      throw explainLoad(error, manifest.name);
    }
  };

  return async (version, signal) => {
    const out = join(deps.scratch, String(++count));
    let grant: GatewayGrant | undefined;
    const forget = (): void => {
      grant?.[Symbol.dispose]();
      void rm(out, { recursive: true, force: true }).catch(() => {});
    };
    const settings = await readSettings(root);
    const { manifest } = settings;
    const { runtime, entry } = manifest;
    deps.onSettings(settings, version);
    const launch = launchOf(deps.launches, manifest);
    await mkdir(out, { recursive: true });
    try {
      const built = await builder.build({ root, runtime, entry, out }, signal);
      const revision = revisionName(manifest.name, version);
      const instance = `fn-${revision}-dev-${randomBytes(3).toString("hex")}`;
      const debug = deps.debuggerOf(runtime, launch) !== undefined;
      grant = deps.grant({ org: ORG, function: manifest.name, revision, instance });
      const body = bodyOf(settings, built, { revision, instance, source: root, debug, grant });
      const worker =
        built.executable === undefined
          ? await startGeneric(manifest, body, signal)
          : await startCompiled(built.executable, built.compiledAt ?? root, manifest, body, signal);
      last = new CodeInstance(worker.process, {
        name: instance,
        function: manifest.name,
        revision,
        memoryBytes: manifest.resources.memoryBytes,
        onExit: deps.onExit,
        onGone: forget,
        clock,
      });
      return last;
    } catch (error) {
      forget();
      throw error;
    }
  };
}
