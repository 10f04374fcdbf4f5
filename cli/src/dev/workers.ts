import { randomBytes } from "node:crypto";
import { checkIsolation, type RuntimeLaunch } from "@hanzo-fn/engine";
import {
  type InstanceLine,
  type InstanceProcess,
  rssControl,
  noMemoryControl,
  startInstance,
  startTime,
} from "@hanzo-fn/instance";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { RunPlace } from "./run-place.ts";

/** A generic worker: a runtime server without code. */
export interface Worker {
  readonly process: InstanceProcess;
  attach(onLine: (line: InstanceLine) => void): void;
}

export interface Workers {
  /** The one that waits for this runtime, else a new one. */
  take(runtime: string, launch: RuntimeLaunch, signal: AbortSignal): Promise<Worker>;
  /** Lets one wait for the next save. */
  prepare(runtime: string, launch: RuntimeLaunch): void;
  /** Starts a function's own program, which holds the server. */
  run(executable: string, env: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Worker>;
  close(): Promise<void>;
}

const BOOT_TIMEOUT_MS = 20_000;
const DRAIN_MS = 1000;

/** Starts runtime servers, and keeps one ready. */
export function createWorkers(deps: {
  /** All that may be asked for: the machine is looked at once. */
  readonly launches: Readonly<Record<string, RuntimeLaunch>>;
  readonly place: RunPlace;
  readonly clock: Clock;
}): Workers {
  const { launches, place, clock } = deps;
  const canWatch = startTime(process.pid) !== undefined;
  const memory = canWatch ? rssControl(clock) : noMemoryControl;
  const prefix = checkIsolation(launches, memory.kind, { uids: undefined }).prefix(false);
  const closing = new AbortController();
  let waiting: { readonly runtime: string; readonly worker: Promise<Worker> } | undefined;

  const boot = async (
    launch: Pick<RuntimeLaunch, "command" | "args" | "env">,
    upWhen: "ping" | "listening",
    signal: AbortSignal,
  ): Promise<Worker> => {
    let sink: ((line: InstanceLine) => void) | undefined;
    const early: InstanceLine[] = [];
    const process = await startInstance(
      {
        id: randomBytes(4).toString("hex"),
        command: launch.command,
        args: launch.args,
        env: launch.env,
        upWhen,
        socketDir: place.instances,
        ledgerDir: place.ledger,
        memory,
        prefix,
        drainMs: DRAIN_MS,
        bootTimeoutMs: BOOT_TIMEOUT_MS,
        onLine: (line) => (sink === undefined ? void early.push(line) : sink(line)),
        clock,
      },
      signal,
    );
    return {
      process,
      attach(onLine) {
        sink = onLine;
        for (const line of early.splice(0)) onLine(line);
      },
    };
  };
  const drop = (): Promise<unknown> | undefined => {
    const { worker } = waiting ?? {};
    waiting = undefined;
    return worker?.then(
      ({ process }) => process.kill(),
      () => undefined,
    );
  };

  return {
    async take(runtime, launch, signal) {
      const held = waiting;
      if (held?.runtime === runtime) {
        waiting = undefined;
        const worker = await held.worker.catch(() => undefined);
        if (signal.aborted) void worker?.process.kill();
        signal.throwIfAborted();
        if (worker?.process.alive === true) return worker;
      } else void drop();
      return boot(launch, "ping", signal);
    },
    prepare(runtime, launch) {
      if (closing.signal.aborted || waiting?.runtime === runtime) return;
      void drop();
      const worker = boot(launch, "ping", closing.signal);
      // Whoever takes it sees the failure; until then it is nobody's.
      worker.catch(() => {});
      waiting = { runtime, worker };
    },
    run: (executable, env, signal) => boot({ command: executable, args: [], env }, "listening", signal),
    async close() {
      closing.abort(new Error("hanzo-fn dev is stopping"));
      await drop();
    },
  };
}
