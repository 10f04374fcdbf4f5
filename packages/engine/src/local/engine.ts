import { randomBytes } from "node:crypto";
import { totalmem } from "node:os";
import type { LogSink } from "@hanzo-fn/contract";
import {
  cgroupControl,
  closeMemoryRoot,
  noMemoryControl,
  openMemoryRoot,
  rssControl,
  startInstance,
  startTime,
  sweepLeftovers,
  type InstanceLine,
  type MemoryControl,
} from "@hanzo-fn/instance";
import { createGate, type Clock, type Service } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { DesiredRevision, Engine, Gateway, ResolveSecrets } from "../engine.ts";
import { createCapacity } from "./capacity.ts";
import { checkWish } from "./check.ts";
import { createDeployer } from "./deployer.ts";
import { createInstances } from "./instances.ts";
import { checkIsolation, type Isolation, type IsolationItem } from "./isolation.ts";
import type { RuntimeLaunch } from "./launch.ts";
import { createStarter } from "./local-starter.ts";
import { LOCAL_DEFAULTS, type LocalEngineOptions } from "./options.ts";
import { createWarmPool, type BootOptions, type Worker } from "./pool.ts";
import { makeRunPlaces, removeRunPlaces, type RunPlaces } from "./run-dir.ts";
import type { Prepare } from "./starter.ts";
import { createTicker } from "./ticker.ts";
import { createUidPool } from "./uids.ts";

export interface LocalEngineDeps {
  readonly runtimes: Readonly<Record<string, RuntimeLaunch>>;
  readonly prepare: Prepare;
  readonly resolveSecrets: ResolveSecrets;
  /** Serves before the engine starts; without it the services of the context are `unavailable` to functions. */
  readonly gateway?: Gateway | undefined;
  readonly logs: LogSink;
  readonly log: Logger;
  readonly clock: Clock;
  /** Short, outside of the data directory, the same at every start; see `defaultRunDir`. */
  readonly runDir: string;
}

export interface LocalEngine extends Engine, Service {
  readonly kind: "local";
  /** What this machine holds and does not hold, for the start-up log, `doctor` and `describe`. Known after `start`. */
  isolation(): readonly IsolationItem[];
}

interface Machine {
  readonly places: RunPlaces;
  readonly memory: MemoryControl;
  readonly memoryRoot: string | undefined;
  readonly isolation: Isolation;
}

const random = (bytes: number): string => randomBytes(bytes).toString("hex");

function openMemory(
  limit: LocalEngineOptions["memoryLimit"],
  clock: Clock,
): { memory: MemoryControl; memoryRoot: string | undefined } {
  const root = limit === "auto" ? openMemoryRoot() : undefined;
  if (root) return { memory: cgroupControl(root.kind, root.root, clock), memoryRoot: root.root };
  const watch = limit !== "none" && startTime(process.pid) !== undefined;
  return { memory: watch ? rssControl(clock) : noMemoryControl, memoryRoot: undefined };
}

/** Functions as processes on this machine. Serves after `start`. */
export function createLocalEngine(
  deps: LocalEngineDeps,
  given: Partial<LocalEngineOptions> = {},
): LocalEngine {
  const options: LocalEngineOptions = { ...LOCAL_DEFAULTS, ...given };
  const { clock, log, runtimes } = deps;
  const uids = createUidPool(options.uids);
  const ticker = createTicker(clock, options.tickMs);
  const shared = new Map<string, string>();
  let machine: Machine | undefined;
  let stopping: Promise<void> | undefined;

  const gate = createGate(options.bootsAtOnce);
  const bootNow = async (runtime: string, want: BootOptions, signal: AbortSignal): Promise<Worker> => {
    const launch = runtimes[runtime];
    if (!machine || !launch) throw new Error(`the engine does not run, or knows no runtime ${runtime}`);
    const uid = want.separate && machine.isolation.separated.has(runtime) ? uids.take() : undefined;
    const { program } = want;
    let onLine =
      program?.onLine ??
      ((line: InstanceLine): void => log.debug("a generic worker wrote a line", { runtime, line: line.msg }));
    try {
      const process = await startInstance(
        {
          id: random(4),
          command: program?.command ?? launch.command,
          args: program === undefined ? launch.args : [],
          env: { ...launch.env, ...program?.env },
          socketDir: machine.places.instances,
          ledgerDir: machine.places.ledger,
          uid,
          memory: machine.memory,
          prefix: machine.isolation.prefix(uid !== undefined),
          drainMs: options.stopGraceMs,
          memoryBytes: program?.memoryBytes,
          upWhen: program === undefined ? "ping" : "listening",
          bootTimeoutMs: program?.timeoutMs ?? options.bootTimeoutMs,
          onLine: (line) => onLine(line),
          clock,
        },
        signal,
      );
      if (uid !== undefined) void process.exited.then(() => uids.give(uid));
      return { process, attach: (next) => void (onLine = next) };
    } catch (error) {
      if (uid !== undefined) uids.give(uid);
      throw error;
    }
  };

  const boot = (runtime: string, want: BootOptions, signal: AbortSignal): Promise<Worker> =>
    gate(signal, () => bootNow(runtime, want, signal));

  const generic = Object.entries(runtimes).filter(
    ([, launch]) => launch.unavailable === undefined && launch.compiled !== true,
  );
  const sizes = new Map(
    generic.map(([name]) => [name, options.warmWorkers[name] ?? options.warmWorkersDefault]),
  );
  const pool = createWarmPool({ boot, clock, log }, sizes);
  const starter = createStarter(
    {
      runtimes,
      prepare: deps.prepare,
      resolveSecrets: deps.resolveSecrets,
      gateway: deps.gateway,
      pool,
      boot,
      isSeparated: (runtime) => machine?.isolation.separated.has(runtime) ?? false,
      onShared: (desired, path) => void shared.set(desired.ref.key, path),
      clock,
    },
    options,
  );
  const warnings = ({ ref, runtime }: DesiredRevision): readonly string[] => {
    const path = shared.get(ref.key);
    return [
      ...(path === undefined ? [] : [`runs as the platform's own user: other users cannot read ${path}`]),
      ...(machine?.isolation.items ?? [])
        // What no local engine holds is said at start and by `doctor`; a revision tells what is its own.
        .filter((item) => !item.enforced && item.runtime === runtime)
        .map((item) => item.detail),
    ];
  };
  const deployer = createDeployer({
    starter,
    capacity: createCapacity(options.maxInstances),
    ticker,
    clock,
    logs: deps.logs,
    options,
    randomId: () => random(3),
    warnings,
  });

  const open = async (): Promise<Machine> => {
    const places = makeRunPlaces(deps.runDir);
    const swept = await sweepLeftovers(places.ledger);
    if (swept > 0) log.warn("ended instances that an earlier platform left behind", { count: swept });
    const { memory, memoryRoot } = openMemory(options.memoryLimit, clock);
    const isolation = checkIsolation(runtimes, memory.kind, options);
    for (const { limit, enforced, detail } of isolation.items) {
      if (!enforced) log.warn("the local engine does not enforce a limit", { limit, detail });
    }
    return { places, memory, memoryRoot, isolation };
  };
  const close = async (graceMs: number): Promise<void> => {
    await deployer.shutdown(graceMs);
    await pool.close();
    ticker.stop();
    if (!machine) return;
    if (machine.memoryRoot !== undefined) closeMemoryRoot(machine.memoryRoot);
    removeRunPlaces(deps.runDir, machine.places);
  };

  return {
    kind: "local",
    name: "engine/local",
    deployer: {
      ...deployer,
      check: (desired) =>
        Promise.resolve(
          checkWish({ runtimes, memoryBytes: totalmem(), maxInstances: options.maxInstances }, desired),
        ),
    },
    instances: createInstances(deployer.runners),
    isolation: () => machine?.isolation.items ?? [],
    async start(signal) {
      signal.throwIfAborted();
      if (machine) return;
      machine = await open();
      pool.fill();
    },
    stop(graceMs) {
      stopping ??= close(graceMs);
      return stopping;
    },
  };
}
