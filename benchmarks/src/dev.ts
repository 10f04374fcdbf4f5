import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type DevServerUnderTest, devServers } from "./dev-peers.ts";
import { interpreterVersions } from "./interpreter.ts";
import { machine } from "./machine.ts";
import { freePort } from "./pinned-process.ts";
import { atMost, percentile, round, type Row, type Suite, type SuiteResult, type Target } from "./suite.ts";

/** Saves of each server; compiled languages take a second or more each. */
const SAVES = { typescript: 40, python: 40, go: 15, rust: 10 } as const;
const WANTED_MS = { typescript: 150, python: 300, go: 1500, rust: 3000 } as const;
/** Between the answer to one save and the next save, as long as nobody types quicker. */
const PAUSE_MS = 700;
/** Between two requests to a server that answers with its old code, or not at all. */
const POLL_MS = 5;
/** A first build compiles the SDK. */
const START_LIMIT_MS = 420_000;
const SAVE_LIMIT_MS = 60_000;

/** The body over a connection of its own; undefined where there is no answer. */
function ask(port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const outgoing = request(
      { host: "127.0.0.1", port, path: "/", agent: false, timeout: SAVE_LIMIT_MS },
      (answer) => {
        let body = "";
        answer.setEncoding("utf8").on("data", (chunk: string) => (body += chunk));
        answer.once("end", () => resolve(answer.statusCode === 200 ? body : undefined));
        answer.once("error", () => resolve(undefined));
      },
    );
    outgoing.once("error", () => resolve(undefined));
    outgoing.end();
  });
}

async function untilServed(
  port: number,
  version: string,
  limitMs: number,
  signal: AbortSignal,
): Promise<number> {
  const began = performance.now();
  while (performance.now() - began < limitMs) {
    if ((await ask(port))?.includes(`"${version}"`)) return performance.now() - began;
    await sleep(POLL_MS, undefined, { signal });
  }
  throw new Error(`version ${version} was not served within ${limitMs / 1000} s`);
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  // The group: servers that watch start others below them.
  process.kill(-(child.pid as number), "SIGTERM");
  const timer = setTimeout(() => process.kill(-(child.pid as number), "SIGKILL"), 10_000);
  await ended;
  clearTimeout(timer);
}

async function measure(server: DevServerUnderTest, home: string, signal: AbortSignal): Promise<Row> {
  const folder = join(home, `${server.language}-${server.name.replaceAll(/\W+/g, "-")}`);
  await mkdir(folder);
  await server.prepare(folder);
  const save = (version: string): Promise<void> => writeFile(join(folder, server.file), server.text(version));
  await save("v0");
  const port = await freePort();
  const [command = "", ...args] = server.command(port);
  const env = { ...process.env, HOME: home, TMPDIR: home, ...server.env };
  const child = spawn(command, args, {
    cwd: folder,
    env,
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  let said = "";
  child.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString("utf8")).slice(-4000)));
  try {
    const began = performance.now();
    await untilServed(port, "v0", START_LIMIT_MS, signal);
    const startMs = performance.now() - began;
    const samples: number[] = [];
    for (let i = 1; i <= SAVES[server.language]; i++) {
      await sleep(PAUSE_MS, undefined, { signal });
      await save(`v${i}`);
      samples.push(await untilServed(port, `v${i}`, SAVE_LIMIT_MS, signal));
    }
    return {
      language: server.language,
      server: server.name,
      saves: samples.length,
      p50_ms: round(percentile(samples, 0.5)),
      p95_ms: round(percentile(samples, 0.95)),
      max_ms: round(Math.max(...samples)),
      first_request_ms: round(startMs),
    };
  } catch (error) {
    throw new Error(`${server.name}, ${server.language}: ${(error as Error).message}\n${said}`, {
      cause: error,
    });
  } finally {
    await end(child);
  }
}

function target(row: Row): Target[] {
  if (row["server"] !== "hanzo-fn dev") return [];
  const language = row["language"] as keyof typeof WANTED_MS;
  return [
    atMost(
      `${language}, save to the next request by the new code, ms (p50)`,
      WANTED_MS[language],
      row["p50_ms"] as number,
    ),
  ];
}

async function run(signal: AbortSignal): Promise<SuiteResult> {
  const before = { ...machine(), ...interpreterVersions() };
  const home = await mkdtemp(join(tmpdir(), "hanzo-fn-bench-dev-"));
  try {
    const rows: Row[] = [];
    for (const server of devServers(join(home, "cache"))) rows.push(await measure(server, home, signal));
    const conditions = {
      ...before,
      measured:
        "from the end of the write to the end of the first answer with the new code; a request at once, and where the old code or nothing answers the next 5 ms later",
      load: `one save at a time, ${PAUSE_MS} ms after the answer to the one before; one server at a time`,
      source:
        "one file that answers its version; first_request: from the start of the server, with an empty cache of its own",
    };
    return { suite: "dev", conditions, rows, targets: rows.flatMap(target) };
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }
}

export const devSuite: Suite = {
  name: "dev",
  description:
    "save to the next request by the new code, in every language, beside development servers of others",
  run,
};
