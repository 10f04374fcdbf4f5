import { PlatformError } from "@hanzo-fn/contract";
import {
  bootEnvironment,
  BootTimeoutError,
  InstanceGoneError,
  type ExitInfo,
  type SpecialiseBody,
  type SpecialiseResult,
} from "@hanzo-fn/instance";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { DesiredRevision, Gateway, ResolveSecrets } from "../engine.ts";
import { describeExit, errorOf, explainExit, lastLines } from "./explain.ts";
import { readableByOthers } from "./isolation.ts";
import type { RuntimeLaunch } from "./launch.ts";
import type { BootOptions, WarmPool, Worker } from "./pool.ts";
import {
  specialiseBody,
  StartError,
  type Prepare,
  type StartedInstance,
  type Starter,
  type StartRequest,
  type WorkingCopy,
} from "./starter.ts";

interface StarterDeps {
  readonly runtimes: Readonly<Record<string, RuntimeLaunch>>;
  readonly prepare: Prepare;
  readonly resolveSecrets: ResolveSecrets;
  readonly gateway: Gateway | undefined;
  readonly pool: WarmPool;
  readonly boot: (runtime: string, options: BootOptions, signal: AbortSignal) => Promise<Worker>;
  /** Whether instances of a runtime run as uids of their own. */
  readonly isSeparated: (runtime: string) => boolean;
  /** Told where a working copy forces an instance back to the platform's own uid. */
  readonly onShared: (desired: DesiredRevision, path: string) => void;
  readonly clock: Clock;
}

const LOAD_TIMEOUT = Symbol("load timeout");

/** Boot, or a worker of the warm pool, then `specialise`; compiled code is started with all that it needs. */
export function createStarter(deps: StarterDeps, options: { readonly loadTimeoutMs: number }): Starter {
  const { clock } = deps;

  /** Whether other users can read all of the copy; where they cannot, its instances run as the platform's own. */
  const readable = (desired: DesiredRevision, { dir, paths, executable }: WorkingCopy): boolean => {
    const needed = [dir, ...paths, ...(executable === undefined ? [] : [executable])];
    const hidden = deps.isSeparated(desired.runtime)
      ? needed.find((path) => !readableByOthers(path))
      : undefined;
    if (hidden !== undefined) deps.onShared(desired, hidden);
    return hidden === undefined;
  };

  const takeWorker = async (
    desired: DesiredRevision,
    separate: boolean,
    signal: AbortSignal,
  ): Promise<{ worker: Worker; bootMs: number }> => {
    const { runtime } = desired;
    const warm = separate ? deps.pool.take(runtime) : undefined;
    if (warm) return { worker: warm, bootMs: 0 };
    const begin = clock.monotonic();
    const worker = await deps.boot(runtime, { separate }, signal);
    return { worker, bootMs: clock.monotonic() - begin };
  };

  const load = async (
    worker: Worker,
    body: Parameters<Worker["process"]["specialise"]>[0],
    signal: AbortSignal,
  ): Promise<SpecialiseResult> => {
    const late = new AbortController();
    const timer = clock.sleep(options.loadTimeoutMs, late.signal).then(
      () => late.abort(LOAD_TIMEOUT),
      () => undefined,
    );
    try {
      return await worker.process.specialise(body, AbortSignal.any([signal, late.signal]));
    } finally {
      late.abort();
      await timer;
    }
  };

  const specialiseWorker = async (
    { desired, copy, instance, onLine }: StartRequest,
    body: SpecialiseBody,
    signal: AbortSignal,
  ): Promise<StartedInstance> => {
    const { worker, bootMs } = await takeWorker(desired, readable(desired, copy), signal);
    const begin = clock.monotonic();
    try {
      worker.attach(onLine);
      limitMemory(worker, desired);
      const result = await load(worker, body, signal);
      if (!result.ok) throw refused(desired, result, worker.process.logTail());
      return { process: worker.process, bootMs, loadMs: clock.monotonic() - begin };
    } catch (error) {
      const exit = await worker.process.kill();
      throw explainStart(desired, error, { exit, instance, loadTimeoutMs: options.loadTimeoutMs });
    } finally {
      deps.pool.refill(desired.runtime);
    }
  };

  /** Compiled code: its loading is the start of its process. */
  const startProgram = async (
    { desired, copy, instance, onLine }: StartRequest,
    body: SpecialiseBody,
    signal: AbortSignal,
  ): Promise<StartedInstance> => {
    const program = {
      command: copy.executable ?? "",
      env: { ...bootEnvironment(body), ...copy.environment },
      memoryBytes: desired.memoryBytes,
      timeoutMs: options.loadTimeoutMs,
      onLine,
    };
    const begin = clock.monotonic();
    try {
      const boot = { separate: readable(desired, copy), program };
      const { process } = await deps.boot(desired.runtime, boot, signal);
      return { process, bootMs: clock.monotonic() - begin, loadMs: 0 };
    } catch (error) {
      throw explainStart(desired, error, { instance, loadTimeoutMs: options.loadTimeoutMs });
    }
  };

  return {
    prepare: (desired, signal) => deps.prepare(checkRuntime(deps.runtimes, desired), signal),
    async start(request, signal) {
      const { desired, copy, instance } = request;
      const secrets = await deps.resolveSecrets(desired.ref, Object.values(desired.secrets), signal);
      const { org, function: functionName, name: revision } = desired.ref;
      const grant = deps.gateway?.grant({ org, function: functionName, revision, instance });
      const gateway = grant && { url: grant.url, token: grant.token };
      const body = { ...specialiseBody(desired, copy, instance, secrets), gateway };
      const compiled = deps.runtimes[desired.runtime]?.compiled === true;
      try {
        const started = await (compiled ? startProgram : specialiseWorker)(request, body, signal);
        void started.process.exited.then(() => grant?.[Symbol.dispose]());
        return started;
      } catch (error) {
        grant?.[Symbol.dispose]();
        throw error;
      }
    },
  };
}

/** Throws `unsupported`. */
export function checkRuntime(
  runtimes: Readonly<Record<string, RuntimeLaunch>>,
  desired: DesiredRevision,
): DesiredRevision {
  const launch = runtimes[desired.runtime];
  const why = launch ? launch.unavailable : "this build does not serve it";
  if (why === undefined) return desired;
  throw errorOf(desired, "unsupported", `the runtime ${desired.runtime} is not available: ${why}`);
}

function limitMemory(worker: Worker, desired: DesiredRevision): void {
  try {
    worker.process.limitMemory(desired.memoryBytes);
  } catch (cause) {
    const limit = Math.round(desired.memoryBytes / 1024 / 1024);
    const message = `${limit} MiB of memory is less than the ${desired.runtime} runtime itself takes`;
    throw errorOf(desired, "load_failed", message, {
      cause,
      next: "raise resources.memory in function.yaml",
    });
  }
}

function refused(
  desired: DesiredRevision,
  result: Extract<SpecialiseResult, { ok: false }>,
  logTail: readonly string[],
): StartError {
  const trace = result.trace.split("\n").filter((line) => line.trim() !== "");
  const error = errorOf(desired, "load_failed", `${result.kind}: ${result.message}`, {
    next: `hanzo-fn logs ${desired.ref.function}`,
  });
  return new StartError(error, [...logTail, ...trace].slice(-20));
}

function explainStart(
  desired: DesiredRevision,
  error: unknown,
  known: { readonly exit?: ExitInfo; readonly instance: string; readonly loadTimeoutMs: number },
): unknown {
  if (error instanceof StartError) return error;
  const { exit, instance } = known;
  if (error instanceof PlatformError) return new StartError(error, exit?.logTail ?? []);
  const late = error instanceof BootTimeoutError ? error.exit : exit;
  if (error === LOAD_TIMEOUT || (error instanceof BootTimeoutError && exit === undefined)) {
    const message = `the code did not finish loading within ${known.loadTimeoutMs / 1000} s`;
    return new StartError(errorOf(desired, "load_failed", message), late?.logTail ?? []);
  }
  if (!(error instanceof InstanceGoneError)) return error;
  const gone = error.exit;
  if (gone.outOfMemory) return new StartError(explainExit(desired, gone, instance), gone.logTail);
  const message = `the code ${describeExit(gone)} while loading${lastLines(gone.logTail)}`;
  return new StartError(errorOf(desired, "load_failed", message), gone.logTail);
}
