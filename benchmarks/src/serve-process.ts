import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request as httpRequest, type IncomingHttpHeaders } from "node:http";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "./pinned-process.ts";
import { runtimeServers } from "./processes.ts";

const BIN = join(import.meta.dirname, "..", "..", "node_modules", ".bin");

/** One request over a connection of its own, as a command-line client makes it. */
export interface TimedAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** From before the connection to the end of the body. */
  readonly ms: number;
}

/** A folder of its own that is home and data directory of the platforms started in it. */
export interface ServeHome extends AsyncDisposable {
  readonly path: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A `hanzo-fn serve` as a user starts it, on ports of its own. */
export interface ServeProcess extends AsyncDisposable {
  readonly pid: number;
  readonly api: string;
  readonly invoke: string;
  readonly metrics: string;
  readonly adminKey: string;
  /** A call of a function through the invocation proxy. */
  call(functionName: string): Promise<TimedAnswer>;
  /** `hanzo-fn` with these words; its standard output. Rejects where it does not exit with 0. */
  cli(...words: readonly string[]): Promise<string>;
}

export async function makeServeHome(): Promise<ServeHome> {
  const path = await mkdtemp(join(tmpdir(), "hanzo-fn-bench-"));
  // Instances run as other users where the platform is root: they pass through to their working copies.
  await chmod(path, 0o711);
  const env = {
    PATH: [BIN, process.env["PATH"] ?? ""].join(delimiter),
    HOME: path,
    // Its sockets too: a cleaner of the shared folder must not end a measurement.
    TMPDIR: path,
    XDG_CONFIG_HOME: join(path, ".config"),
    LANG: "C.UTF-8",
  };
  return {
    path,
    env,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** A process to its end: what it wrote, or an error with what it complained of. */
export async function runToEnd(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<string> {
  const child = spawn(command, args, { env, signal, stdio: ["ignore", "pipe", "pipe"] });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString("utf8")));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(" ")} ended with ${code}: ${stderr}`);
  return stdout;
}

function timedRequest(
  url: string,
  headers: Record<string, string>,
  signal: AbortSignal,
): Promise<TimedAnswer> {
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const request = httpRequest(url, { headers, agent: false, signal }, (answer) => {
      let body = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => (body += chunk));
      answer.once("error", reject);
      answer.once("end", () => {
        const { statusCode: status = 0 } = answer;
        resolve({ status, headers: answer.headers, body, ms: performance.now() - began });
      });
    });
    request.once("error", reject);
    request.end();
  });
}

/**
 * Starts on the home's data directory, which may hold functions already; `config` is the text of config.yaml, and
 * `command` what `hanzo-fn` stands for.
 */
export async function startServe(
  home: ServeHome,
  config: string,
  signal: AbortSignal,
  command: readonly [string, ...string[]] = [join(BIN, "hanzo-fn")],
): Promise<ServeProcess> {
  const dataDir = join(home.path, "data");
  await mkdir(home.path, { recursive: true });
  await writeFile(join(home.path, "config.yaml"), config);
  const ports = [await freePort(), await freePort(), await freePort()].map(String);
  const [apiPort = "", invokePort = "", metricsPort = ""] = ports;
  const args = ["serve", "--data-dir", dataDir, "--config", join(home.path, "config.yaml")].concat(
    ["--api-port", apiPort, "--invoke-port", invokePort, "--metrics-port", metricsPort],
    ["--log-level", "warn"],
  );
  const [program, ...words] = command;
  const child = spawn(program, [...words, ...args], {
    cwd: home.path,
    env: home.env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  let problems = "";
  child.stderr.on("data", (chunk: Buffer) => (problems = (problems + chunk.toString("utf8")).slice(-4000)));
  createInterface({ input: child.stdout }).resume();
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await exited;
  };
  const ready = async (): Promise<void> => {
    const deadline = Date.now() + 60_000;
    while (Date.now() < deadline) {
      if (child.exitCode !== null) throw new Error(`serve ended with ${child.exitCode}: ${problems}`);
      const answer = await fetch(`http://127.0.0.1:${metricsPort}/readyz`, { signal }).catch(() => undefined);
      if (answer?.ok === true) return;
      await sleep(20, undefined, { signal });
    }
    throw new Error(`serve was not ready within 60 s: ${problems}`);
  };
  try {
    await ready();
  } catch (error) {
    await stop();
    throw error;
  }
  const adminKey = (await readFile(join(dataDir, "admin-key"), "utf8")).trim();
  const headers = { Authorization: `Bearer ${adminKey}` };
  const { pid } = child;
  if (pid === undefined) throw new Error("serve has no process");
  return {
    pid,
    api: `http://127.0.0.1:${apiPort}`,
    invoke: `http://127.0.0.1:${invokePort}`,
    metrics: `http://127.0.0.1:${metricsPort}`,
    adminKey,
    call: (name) => timedRequest(`http://127.0.0.1:${invokePort}/v1/functions/${name}`, headers, signal),
    cli: (...words) => runToEnd(join(BIN, "hanzo-fn"), words, home.env, signal),
    [Symbol.asyncDispose]: stop,
  };
}

/** Waits until no more runtime servers live than the warm pool has: everything is scaled to zero. */
export async function untilScaledToZero(
  platform: ServeProcess,
  pooled: number,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const alive = runtimeServers(platform.pid).length;
    if (alive <= pooled) return;
    if (Date.now() > deadline) throw new Error(`${alive} runtime servers live on, ${pooled} are expected`);
    await sleep(200, undefined, { signal });
  }
}
