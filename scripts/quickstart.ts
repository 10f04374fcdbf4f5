/**
 * `npm run quickstart`: starts a platform on its embedded default in a temporary folder, deploys the examples, calls
 * them over :8061, shifts traffic to a second revision, promotes it and rolls back.
 * `-- --keep` leaves the platform running.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, cp, mkdtemp, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ROOT, runCommand } from "./run-command.ts";

const keep = process.argv.includes("--keep");
const EXTRACT = join(ROOT, "examples", "extract-text");
const WEBHOOK = join(ROOT, "examples", "webhook");

/** A platform that goes away again leaves no context behind in the user's own configuration. */
let ownContexts: Record<string, string> = {};

function say(text: string): void {
  console.log(text);
}

function title(text: string): void {
  say(`\n== ${text}`);
}

/** The usual port where it is free, else any. */
async function portOrFree(port: number): Promise<number> {
  const server = createServer();
  const free = await new Promise<boolean>((resolve) => {
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => resolve(true));
  });
  if (free) await new Promise((resolve) => server.close(resolve));
  return free ? port : 0;
}

interface Running {
  readonly process: ChildProcess;
  readonly invoke: string;
  readonly api: string;
}

async function readyFields(logFile: string, child: ChildProcess): Promise<{ api: string; invoke: string }> {
  for (;;) {
    const log = await readFile(logFile, "utf8");
    const line = log.split("\n").find((text) => text.includes('"msg":"ready"') && text.endsWith("}"));
    if (line !== undefined) return JSON.parse(line) as { api: string; invoke: string };
    if (child.exitCode !== null) throw new Error(`the platform did not start:\n${log}`);
    await sleep(20);
  }
}

/** Logs go to a file, so that the platform may outlive this script. */
async function startServe(dataDir: string, logFile: string): Promise<Running> {
  const [api, invoke, metrics] = await Promise.all([8060, 8061, 9060].map(portOrFree));
  const args = [
    ...["serve", "--data-dir", dataDir],
    ...["--api-port", String(api), "--invoke-port", String(invoke), "--metrics-port", String(metrics)],
  ];
  const path = [join(ROOT, "node_modules", ".bin"), process.env["PATH"] ?? ""].join(delimiter);
  await using log = await open(logFile, "w");
  const child = spawn("hanzo-fn", args, {
    cwd: ROOT,
    env: { ...process.env, ...ownContexts, PATH: path },
    stdio: ["ignore", log.fd, log.fd],
    detached: keep,
  });
  return { process: child, ...(await readyFields(logFile, child)) };
}

/** One CLI command, shown with what it prints; ends the quick start where it fails. */
async function fn(...args: string[]): Promise<string> {
  say(`$ hanzo-fn ${args.map((arg) => (/^[\w./=:-]+$/.test(arg) ? arg : `'${arg}'`)).join(" ")}`);
  const result = await runCommand("hanzo-fn", args, { echo: true, env: ownContexts });
  if (result.code !== 0) throw new Error(`hanzo-fn ${args[0]} exited with ${result.code}`);
  return result.output;
}

async function hasPython(): Promise<boolean> {
  const probe = await runCommand("python3", ["-c", "import sys; sys.exit(sys.version_info < (3, 10))"]);
  return probe.code === 0;
}

/** How many of `n` calls each revision answered. */
async function countRevisions(
  url: string,
  key: string,
  body: string,
  n: number,
): Promise<Map<string, number>> {
  const seen = new Map<string, number>();
  for (let i = 0; i < n; i++) {
    const answer = await fetch(url, {
      method: "POST",
      headers: { authorization: `Bearer ${key}`, "content-type": "application/json" },
      body,
    });
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
    const revision = answer.headers.get("x-function-revision") ?? "none";
    seen.set(revision, (seen.get(revision) ?? 0) + 1);
  }
  return seen;
}

function showCounts(seen: ReadonlyMap<string, number>): void {
  for (const [revision, count] of [...seen].toSorted()) say(`   ${revision}: ${count} of the calls`);
}

/** A second version of the function: the same source, a new label. */
async function secondVersion(source: string, folder: string): Promise<string> {
  const copy = join(folder, "second");
  await cp(source, copy, { recursive: true });
  const manifest = join(copy, "function.yaml");
  const text = await readFile(manifest, "utf8");
  await writeFile(manifest, text.replace(/^version:.*$/m, "version: 2.0.0"));
  return copy;
}

async function tour(running: Running, folder: string, python: boolean): Promise<void> {
  const key = (await readFile(join(folder, "data", "admin-key"), "utf8")).trim();
  const payload = '{"type": "ticket.created", "text": "My invoice is wrong, please help"}';

  title("Deploy examples/webhook (TypeScript) and call it over the invoke proxy");
  await fn("deploy", "--source", WEBHOOK);
  await fn("invoke", "webhook", "--data", payload);

  let name = "webhook";
  let source = WEBHOOK;
  let body = payload;
  if (python) {
    title("Deploy examples/extract-text (Python) and call it");
    await fn("deploy", "--source", EXTRACT);
    name = "extract-text";
    source = EXTRACT;
    body = '{"document": "bread.md", "chunk_size": 400}';
    await fn("invoke", name, "--data", body);
  }

  title(`A second revision of ${name} that gets 10 % of the traffic`);
  await fn("deploy", "--source", await secondVersion(source, folder), "--no-traffic");
  await fn("traffic", name, "--revision", "2", "--percent", "10");
  say("   200 calls:");
  showCounts(await countRevisions(`${running.invoke}/v1/functions/${name}/invoke`, key, body, 200));

  title("Promote it, then roll back");
  await fn("traffic", name, "--revision", "2", "--percent", "100");
  await fn("rollback", name);
  showCounts(await countRevisions(`${running.invoke}/v1/functions/${name}/invoke`, key, body, 20));
  await fn("revisions", name);
}

async function main(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "hanzo-fn-quickstart-"));
  await chmod(folder, 0o711);
  if (!keep) ownContexts = { XDG_CONFIG_HOME: join(folder, "config") };
  const python = await hasPython();
  title("Start the platform: one process, embedded PostgreSQL, functions as local processes");
  const running = await startServe(join(folder, "data"), join(folder, "serve.log"));
  say(`   control plane ${running.api}, invoke proxy ${running.invoke}`);
  try {
    await tour(running, folder, python);
  } catch (error) {
    running.process.kill("SIGTERM");
    throw error;
  }
  title("Done");
  if (!python)
    say("Left out: examples/extract-text, because Python 3.10 or newer is not installed on this machine.");
  if (keep) {
    say(`The platform goes on as process ${running.process.pid}; its data is in ${join(folder, "data")}.`);
    say('Put the CLI on your PATH:  export PATH="$PWD/node_modules/.bin:$PATH"');
    say(
      `Call a function:           curl -H "Authorization: Bearer $(cat ${join(folder, "data", "admin-key")})" -H 'Content-Type: application/json' -d '{"text": "Is my invoice paid?"}' ${running.invoke}/v1/functions/webhook/invoke`,
    );
    say(`Stop it:                   kill ${running.process.pid}`);
    running.process.unref();
    return;
  }
  const ended = once(running.process, "exit");
  running.process.kill("SIGTERM");
  await ended;
  await rm(folder, { recursive: true, force: true });
  say(
    "The platform was stopped and its data removed. Next: npm run quickstart -- --keep, or the tour in README.md.",
  );
}

await main().catch((error: unknown) => {
  console.error(`\nquickstart failed: ${(error as Error).message}`);
  process.exitCode = 1;
});
