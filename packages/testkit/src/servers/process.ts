import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createConnection } from "node:net";
import { waitFor } from "../wait-for.ts";

/** A server process that a test may stop and start again on the same port with the same data. */
export interface ServerProcess extends AsyncDisposable {
  /** Resolves when it listens. */
  start(): Promise<void>;
  /** Resolves when it is gone. SIGKILL where not given. */
  stop(signal?: NodeJS.Signals): Promise<void>;
  /** SIGSTOP leaves its connections open and silent. */
  signal(signal: NodeJS.Signals): void;
}

export interface ServerCommand {
  readonly name: string;
  readonly program: string;
  readonly args: readonly string[];
  readonly port: number;
  /** Beyond its port being open. */
  readonly ready?: (() => Promise<boolean>) | undefined;
  /** Run once the process is gone for good. */
  readonly cleanup: () => PromiseLike<void>;
}

const START_MS = 60_000;
const OUTPUT_KEPT = 4000;

export function isListening(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection({ port, host: "127.0.0.1" });
    const end = (open: boolean) => () => {
      socket.destroy();
      resolve(open);
    };
    socket.once("connect", end(true)).once("error", end(false));
  });
}

/** Starts a server and waits until it listens; it ends with this process at the latest. */
export async function startProcess(command: ServerCommand): Promise<ServerProcess> {
  let child: ChildProcess | undefined;
  const killNow = (): void => void child?.kill("SIGKILL");
  const stop = async (signal: NodeJS.Signals = "SIGKILL"): Promise<void> => {
    const running = child;
    child = undefined;
    if (!running || running.exitCode !== null || running.signalCode !== null) return;
    const gone = once(running, "exit");
    running.kill(signal);
    await gone;
  };
  const start = async (): Promise<void> => {
    child = await spawnUntilReady(command);
  };
  const dispose = async (): Promise<void> => {
    process.off("exit", killNow);
    await stop();
    await command.cleanup();
  };
  process.once("exit", killNow);
  try {
    await start();
  } catch (error) {
    await dispose();
    throw error;
  }
  const signal = (name: NodeJS.Signals): void => void child?.kill(name);
  return { start, stop, signal, [Symbol.asyncDispose]: dispose };
}

async function spawnUntilReady(command: ServerCommand): Promise<ChildProcess> {
  const child = spawn(command.program, command.args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk) => (output = (output + String(chunk)).slice(-OUTPUT_KEPT)));
  }
  const failed = new Promise<never>((_, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) =>
      reject(new Error(`${command.name} ended (${code ?? signal}) before it listened:\n${output}`)),
    );
  });
  const listens = async (): Promise<boolean> =>
    (await isListening(command.port)) && (command.ready === undefined || (await command.ready()));
  const abort = new AbortController();
  try {
    await Promise.race([
      waitFor(`${command.name} to listen`, () => abort.signal.aborted || listens(), { timeoutMs: START_MS }),
      failed,
    ]);
  } catch (error) {
    child.kill("SIGKILL");
    throw error;
  } finally {
    abort.abort();
    failed.catch(() => {});
  }
  return child;
}
