import { PlatformError } from "@hanzo-fn/contract";
import { backoffDelay, type Clock } from "@hanzo-fn/lifecycle";
import type { ChildProcess } from "node:child_process";
import path from "node:path";
import type { StoreLog } from "../log.ts";
import { lastLines } from "./initialise.ts";
import type { Layout } from "./layout.ts";
import { spawnAs } from "./run.ts";
import { settingsOf } from "./settings.ts";
import { makeSocketDir } from "./socket-dir.ts";
import { stopStray } from "./stray.ts";
import type { DatabaseUser } from "./user.ts";
import { waitUntilReady } from "./ready.ts";

export interface PostmasterOptions {
  readonly native: string;
  readonly layout: Layout;
  readonly user: DatabaseUser;
  readonly settings: Readonly<Record<string, string>>;
  readonly maxConnections: number;
}

export interface PostmasterParts {
  readonly log: StoreLog;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
}

export interface Postmaster {
  readonly socketDir: string;
  /** The running process; undefined between a death and the restart. */
  pid(): number | undefined;
  stop(): Promise<void>;
}

const READY_MS = 60_000;
const RESTART = { initialMs: 50, factor: 2, maxMs: 5000 };
const STEADY_MS = 30_000;
const FAST_STOP_MS = 10_000;
const IMMEDIATE_STOP_MS = 5000;

/** Starts PostgreSQL, waits until it answers, and starts it again whenever it dies. */
export async function startPostmaster(
  options: PostmasterOptions,
  parts: PostmasterParts,
): Promise<Postmaster> {
  const { layout, user } = options;
  const { log, clock } = parts;
  const socketDir = await makeSocketDir(layout, user);
  const stopping = new AbortController();
  const launch = (): Running => launchPostgres(options, socketDir.path, log);

  let running = launch();
  const ready = (signal: AbortSignal | undefined): Promise<void> =>
    waitUntilReady(running, { dataDir: layout.data, clock, timeoutMs: READY_MS, signal });
  try {
    await ready(parts.signal);
  } catch (error) {
    await end(running, clock);
    await socketDir.remove();
    throw error;
  }

  const supervise = async (): Promise<void> => {
    for (let attempt = 1; !stopping.signal.aborted; attempt++) {
      const startedAt = clock.monotonic();
      const code = await running.exited;
      if (stopping.signal.aborted) return;
      log.error("the embedded database died and is started again", {
        code,
        output: lastLines(running.output()),
      });
      if (clock.monotonic() - startedAt > STEADY_MS) attempt = 1;
      await clock.sleep(backoffDelay(RESTART, attempt), stopping.signal).catch(() => undefined);
      await stopStray(layout.data, { clock, log });
      if (stopping.signal.aborted) return;
      running = launch();
      await ready(stopping.signal).catch((error: unknown) => {
        if (!stopping.signal.aborted)
          log.error("the embedded database does not start", { error: String(error) });
      });
    }
  };
  const supervised = supervise().catch((error: unknown) =>
    log.error("the embedded database is no longer watched", { error: String(error) }),
  );

  return {
    socketDir: socketDir.path,
    pid: () => (running.process.exitCode === null ? running.process.pid : undefined),
    async stop() {
      stopping.abort(new Error("the store is closing"));
      await end(running, clock);
      await supervised;
      await end(running, clock);
      await socketDir.remove();
    },
  };
}

export interface Running {
  readonly process: ChildProcess;
  /** The exit status, or the signal's name. */
  readonly exited: Promise<string>;
  /** The last it said. */
  output(): string;
}

const KEPT_OUTPUT = 8192;

function launchPostgres(options: PostmasterOptions, socketDir: string, log: StoreLog): Running {
  const { native, layout, user } = options;
  const settings = { ...settingsOf(socketDir, options.maxConnections), ...options.settings };
  const args = [
    "-D",
    layout.data,
    ...Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
  ];
  const child = spawnAs(user, path.join(native, "bin", "postgres"), args, {
    cwd: layout.data,
    detached: true,
  });
  let output = "";
  const take = (chunk: Buffer): void => {
    output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
    for (const line of chunk.toString().split("\n")) {
      if (/ (ERROR|WARNING|PANIC): /.test(line)) log.warn("the embedded database says", { line });
    }
  };
  child.stdout?.on("data", take);
  child.stderr?.on("data", take);
  const exited = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? String(code)));
  });
  return { process: child, exited, output: () => output };
}

/** Fast shutdown, then an immediate one (recovered from on the next start), then none of PostgreSQL's own. */
async function end(running: Running, clock: Clock): Promise<void> {
  for (const [signal, patienceMs] of [
    ["SIGINT", FAST_STOP_MS],
    ["SIGQUIT", IMMEDIATE_STOP_MS],
    ["SIGKILL", IMMEDIATE_STOP_MS],
  ] as const) {
    if (running.process.exitCode !== null || running.process.signalCode !== null) return;
    if (running.process.pid === undefined) return;
    running.process.kill(signal);
    const patience = new AbortController();
    const gone = await Promise.race([
      running.exited.then(() => true),
      clock.sleep(patienceMs, patience.signal).then(
        () => false,
        () => true,
      ),
    ]);
    patience.abort();
    if (gone) return;
  }
  throw new PlatformError("internal", "the embedded database does not stop", { component: "store/embedded" });
}
