/**
 * `hanzo-fn-agent`, what a TypeScript image starts: the server itself, or a developer's loop around it.
 *
 * `hanzo-fn-agent` serves the function that the environment names (runtimes/contract.md, section 1).
 * `hanzo-fn-agent --mode=dev --source=DIR` serves the function in DIR and starts anew whenever a file there changes.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Dirent, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const POLL_MS = 200;
const STOP_MS = 5000;
const USAGE = 64;
const IGNORED = new Set(["node_modules", ".git"]);

/** Size and time of every file below the source; a folder that is not there, or goes meanwhile, has none. */
function stateOf(source: string): string {
  const lines: string[] = [];
  for (const entry of entriesOf(source)) {
    if (IGNORED.has(entry.name)) continue;
    const path = join(source, entry.name);
    if (entry.isDirectory()) lines.push(stateOf(path));
    else {
      const info = statSync(path, { throwIfNoEntry: false });
      if (info !== undefined) lines.push(`${path} ${info.mtimeMs} ${info.size}`);
    }
  }
  return lines.join("\n");
}

function entriesOf(folder: string): Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

function entryOf(source: string): string | undefined {
  try {
    return /^entry:\s*["']?([^"'#\s]+)/m.exec(readFileSync(join(source, "function.yaml"), "utf8"))?.[1];
  } catch {
    return undefined;
  }
}

function start(source: string): ChildProcess | undefined {
  const entry = process.env["HANZO_FN_ENTRY"] ?? entryOf(source);
  if (entry === undefined) {
    const message = `no entry: ${source}/function.yaml has no line 'entry: ...', and HANZO_FN_ENTRY is not set`;
    process.stderr.write(`hanzo-fn-agent: ${message}\n`);
    return undefined;
  }
  const server = fileURLToPath(new URL("./main.js", import.meta.url));
  return spawn(process.execPath, [...process.execArgv, server], {
    env: { ...process.env, HANZO_FN_SOURCE: source, HANZO_FN_ENTRY: entry },
    stdio: ["ignore", "inherit", "inherit"],
    detached: true,
  });
}

async function end(child: ChildProcess | undefined): Promise<number> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null)
    return child?.exitCode ?? 0;
  const exited = once(child, "exit") as Promise<[number | null]>;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  const [code] = await exited;
  clearTimeout(timer);
  return code ?? 0;
}

async function develop(source: string): Promise<number> {
  const stop = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
  let state = stateOf(source);
  let child = start(source);
  while (!stop.signal.aborted) {
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      stop.signal.addEventListener("abort", () => (clearTimeout(timer), resolve(undefined)), { once: true });
    });
    const now = stateOf(source);
    if (now === state) continue;
    state = now;
    process.stderr.write(`hanzo-fn-agent: reloading ${source}\n`);
    await end(child);
    child = start(source);
  }
  return end(child);
}

function options(): { readonly mode: string; readonly source: string } {
  const source = process.env["HANZO_FN_SOURCE"] ?? "/app";
  try {
    return parseArgs({
      options: { mode: { type: "string", default: "serve" }, source: { type: "string", default: source } },
    }).values;
  } catch (error) {
    process.stderr.write(`hanzo-fn-agent: ${(error as Error).message}\n`);
    process.exit(USAGE);
  }
}

const { mode, source } = options();
if (mode === "dev") {
  process.exitCode = await develop(source);
} else if (mode === "serve") {
  // Without a control token nobody could specialise it: a container is specialised from the start.
  if (process.env["HANZO_FN_CONTROL_TOKEN"] === undefined) process.env["HANZO_FN_SOURCE"] ??= source;
  await import("./main.js" as string);
} else {
  process.stderr.write(`hanzo-fn-agent: --mode is serve or dev, not ${mode}\n`);
  process.exitCode = USAGE;
}
