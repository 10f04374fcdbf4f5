import { execFileSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import { request } from "node:http";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort, startPinned, type PinnedProcess } from "../pinned-process.ts";
import { treePss } from "./instances.ts";
import type { Launch } from "./instances.ts";

const SERVER_CORE = 0;
export const CLIENT_CORE = 1;
const CALLS_BEFORE_IDLE = 20;
const IDLE_MS = 3000;

/** A server on one core, by itself. */
export interface AloneServer {
  readonly url: string;
  readonly process: PinnedProcess;
}

export async function startLaunch(
  stack: AsyncDisposableStack,
  { command, environment }: Launch,
  signal: AbortSignal,
): Promise<AloneServer> {
  const port = await freePort();
  const env = { ...environment, PORT: String(port) };
  const started = await startPinned(SERVER_CORE, command, port, signal, env, "read");
  return { url: `http://127.0.0.1:${port}/`, process: stack.use(started) };
}

export async function startPeer(
  stack: AsyncDisposableStack,
  command: (port: number) => readonly string[],
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<AloneServer> {
  const port = await freePort();
  const started = await startPinned(SERVER_CORE, command(port), port, signal, environment);
  return { url: `http://127.0.0.1:${port}/`, process: stack.use(started) };
}

/** Moves this process to a core: what it reads of a server's log must not cost the server's core. */
export function moveTo(cores: string): void {
  execFileSync("taskset", ["-apc", cores, String(process.pid)], { stdio: "ignore" });
}

/** One call; its status. */
export function callOnce(url: string, body?: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const headers = { "Content-Type": "application/json", "X-Caller": "benchmark" };
    const options = body === undefined ? {} : { method: "POST", headers };
    const outgoing = request(url, options, (answer) => {
      answer.resume();
      answer.once("end", () => resolve(answer.statusCode ?? 0));
      answer.once("error", reject);
    });
    outgoing.once("error", reject);
    outgoing.end(body);
  });
}

/**
 * Megabytes of a server by itself after a few calls. It runs a copy of its program, so that it shares no page of the
 * program with another process: an interpreter's file is mapped by whatever else it runs. Python is no such copy, since
 * it finds its library beside its program.
 */
export async function memoryAlone(launch: Launch, folder: string, signal: AbortSignal): Promise<number> {
  const [program = "", ...args] = launch.command;
  const copy = join(folder, `alone-${basename(program)}`);
  if (launch.language !== "python") await copyFile(program, copy);
  const command = [launch.language === "python" ? program : copy, ...args];
  await using stack = new AsyncDisposableStack();
  const server = await startLaunch(stack, { ...launch, command }, signal);
  for (let i = 0; i < CALLS_BEFORE_IDLE; i++) await callOnce(server.url);
  await sleep(IDLE_MS, undefined, { signal });
  return treePss(server.process.pid) / 1e6;
}

export const folderOf = (launch: Launch): string => dirname(launch.environment["HANZO_FN_SOURCE"] ?? "");
