import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { freePort, tempDir } from "@hanzo-fn/testkit";
import { type ClusterPlace, placeOnCluster } from "./cluster.ts";

export const REPOSITORY = fileURLToPath(new URL("../..", import.meta.url));
const BIN = join(REPOSITORY, "node_modules", ".bin");

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly cwd?: string;
  readonly stdin?: string | Uint8Array;
  readonly env?: Readonly<Record<string, string>>;
  /** Ends the command by SIGINT when aborted. */
  readonly signal?: AbortSignal;
  /** Called with all of its standard output so far. */
  readonly onOutput?: (stdout: string) => void;
}

export interface PlatformOptions {
  /** Content of config.yaml; flags of the ports and the data directory win over it. */
  readonly config?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** A data directory to start on again; else a new one that goes with the platform. */
  readonly dataDir?: string;
  readonly logLevel?: string;
}

/** A `hanzo-fn serve` of its own, spoken to through ports and the CLI only. */
export interface TestPlatform extends AsyncDisposable {
  readonly api: string;
  readonly invoke: string;
  readonly metrics: string;
  /** Where the configuration has the plane. */
  readonly layer: string | undefined;
  readonly adminKey: string;
  readonly dataDir: string;
  /** Its own home: nothing outside of it is read or written by the CLI. */
  readonly home: string;
  readonly process: ChildProcess;
  /** Undefined on the local engine. */
  readonly place: ClusterPlace | undefined;
  /** Log lines of the platform so far. */
  readonly log: readonly string[];
  cli(args: readonly string[], options?: CliOptions): Promise<CliResult>;
  /** As `cli`, and fails with its stderr where the exit code is not 0. */
  ok(args: readonly string[], options?: CliOptions): Promise<string>;
  /** A request with the admin key to :8060 (paths of the API) or :8061. */
  fetchApi(path: string, init?: RequestInit): Promise<Response>;
  fetchInvoke(path: string, init?: RequestInit): Promise<Response>;
  /** SIGKILL, and waits until it is gone. Its data stays. */
  kill(): Promise<void>;
  /** SIGTERM, and waits until it is gone. Its data stays. */
  stop(): Promise<void>;
}

async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: CliOptions,
): Promise<CliResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...env, ...options.env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  options.signal?.addEventListener("abort", () => child.kill("SIGINT"), { once: true });
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (chunk: Buffer) => {
    stdout += chunk.toString("utf8");
    options.onOutput?.(stdout);
  });
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString("utf8")));
  child.stdin.on("error", () => {});
  child.stdin.end(options.stdin ?? "");
  const [code] = (await once(child, "close")) as [number | null];
  return { code: code ?? -1, stdout, stderr };
}

async function readyLine(
  child: ChildProcess,
  log: string[],
  errors: () => string,
): Promise<Record<string, string>> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  return new Promise((resolve, reject) => {
    lines.on("line", (line) => {
      log.push(line);
      if (log.length > 5000) log.shift();
      if (!line.includes('"msg":"ready"')) return;
      resolve(JSON.parse(line) as Record<string, string>);
    });
    child.once("exit", (code) =>
      reject(new Error(`serve ended with ${code}:\n${errors()}\n${log.slice(-20).join("\n")}`)),
    );
  });
}

export async function startPlatform(options: PlatformOptions = {}): Promise<TestPlatform> {
  const home = await tempDir("hfn-home-");
  const data = options.dataDir === undefined ? await tempDir("hfn-data-") : undefined;
  const dataDir = options.dataDir ?? (data as { path: string }).path;
  const env: NodeJS.ProcessEnv = {
    PATH: [BIN, process.env["PATH"] ?? ""].join(delimiter),
    HOME: home.path,
    XDG_CONFIG_HOME: join(home.path, ".config"),
    LANG: "C.UTF-8",
    // Sockets of instances lie below it and go with it, also after a kill -9.
    TMPDIR: home.path,
    ...options.env,
  };
  // A port that is free is given out again while nobody has taken it.
  const ports = new Set<number>();
  while (ports.size < 4) ports.add(await freePort());
  const [apiPort, invokePort, metricsPort, gatewayPort] = [...ports];
  const place = await placeOnCluster(dataDir);
  const args = [
    "serve",
    ...["--data-dir", dataDir],
    ...["--api-port", String(apiPort)],
    ...["--invoke-port", String(invokePort)],
    ...["--metrics-port", String(metricsPort)],
    ...["--log-level", options.logLevel ?? "info"],
  ];
  const config = place?.configure(options.config ?? "", gatewayPort as number) ?? options.config;
  if (config !== undefined) {
    const file = join(home.path, "config.yaml");
    await writeFile(file, config);
    args.push("--config", file);
  }
  const child = spawn("hanzo-fn", args, { cwd: home.path, env, stdio: ["ignore", "pipe", "pipe"] });
  const exited = once(child, "exit");
  let errors = "";
  child.stderr.on("data", (chunk: Buffer) => (errors = (errors + chunk.toString("utf8")).slice(-20_000)));
  const log: string[] = [];
  const ready = await readyLine(child, log, () => errors);
  const adminKey = (await readFile(join(dataDir, "admin-key"), "utf8").catch(() => "")).trim();
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill(signal);
    await exited;
  };
  const withKey = (url: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    if (!headers.has("authorization")) headers.set("authorization", `Bearer ${adminKey}`);
    return fetch(url, { ...init, headers });
  };
  const cli: TestPlatform["cli"] = (words, given = {}) =>
    run("hanzo-fn", words, env, { cwd: home.path, ...given });
  return {
    api: ready["api"] as string,
    invoke: ready["invoke"] as string,
    metrics: ready["metrics"] as string,
    layer: ready["layer"],
    adminKey,
    dataDir,
    home: home.path,
    process: child,
    place,
    log,
    cli,
    async ok(words, given) {
      const result = await cli(words, given);
      if (result.code !== 0)
        throw new Error(
          `hanzo-fn ${words.join(" ")} exited ${result.code}:\n${result.stderr}${result.stdout}`,
        );
      return result.stdout;
    },
    fetchApi: (path, init) => withKey(`${ready["api"]}${path}`, init),
    fetchInvoke: (path, init) => withKey(`${ready["invoke"]}${path}`, init),
    kill: () => end("SIGKILL"),
    stop: () => end("SIGTERM"),
    async [Symbol.asyncDispose]() {
      await end("SIGTERM");
      await place?.[Symbol.asyncDispose]();
      await home[Symbol.asyncDispose]();
      await data?.[Symbol.asyncDispose]();
    },
  };
}

/** What the process of `serve` has computed so far: unlike the time on a clock, it does not depend on what else runs. */
export async function computedMs(platform: TestPlatform): Promise<number> {
  const stat = await readFile(`/proc/${platform.process.pid}/stat`, "utf8");
  const [user, system] = stat
    .slice(stat.lastIndexOf(")") + 2)
    .split(" ")
    .slice(11, 13);
  return (Number(user) + Number(system)) * 10;
}

/** The most memory that the process of `serve` has held so far (VmHWM of Linux), in MiB. */
export async function peakMemoryMiB(platform: TestPlatform): Promise<number> {
  const status = await readFile(`/proc/${platform.process.pid}/status`, "utf8");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
}
