import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Secret } from "@hanzo-fn/contract";
import { expect, it, onTestFinished } from "vitest";
import { openTestEngine, type TestEngine } from "../../test/open-engine.ts";
import { revisionRef, type DesiredRevision, type Lease } from "../engine.ts";

const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** Answers with its environment, user and directory, as a compiled function would listen: once, and when it is ready. */
const SERVER = `
require("node:http").createServer((_, response) =>
  response.end(JSON.stringify({ env: process.env, uid: process.getuid(), cwd: process.cwd() })),
).listen(process.env.HANZO_FN_SOCKET);
process.stdin.on("end", () => process.exit(0)).resume();
`;

interface Program {
  readonly under: TestEngine;
  readonly source: string;
}

/** An engine whose only runtime is compiled, with this script in the place of the executable. */
async function open(script: string, loadTimeoutMs = 30_000): Promise<Program> {
  const source = mkdtempSync(join(tmpdir(), "hfn-compiled-"));
  onTestFinished(() => rmSync(source, { recursive: true, force: true }));
  chmodSync(source, 0o755);
  const executable = join(source, "function");
  writeFileSync(executable, `#!${process.execPath}\n${script}`);
  chmodSync(executable, 0o755);
  const under = await openTestEngine(
    { loadTimeoutMs },
    {
      runtimes: { go: { command: "", args: [], env: {}, compiled: true } },
      prepare: async ({ entry }) => ({ dir: source, entry, paths: [], executable }),
      resolveSecrets: async () => new Map([["db", new Secret("hunter2")]]),
    },
  );
  onTestFinished(() => under.close());
  return { under, source };
}

async function deploy(under: TestEngine): Promise<DesiredRevision> {
  const desired: DesiredRevision = {
    ref: revisionRef("acme", "classify", 3),
    runtime: "go",
    entry: "Classify",
    sourceDigest: "0",
    environment: { MODEL: "small", HANZO_FN_SOURCE: "/etc" },
    secrets: { DB: "db" },
    cpuMillis: 100,
    memoryBytes: 256 * 1024 * 1024,
    timeoutMs: 10_000,
    concurrency: 7,
    percent: 100,
  };
  const scaling = { minInstances: 0, maxInstances: 2, targetConcurrency: 1, scaleDownDelayMs: 0 };
  const wish = { org: "acme", function: "classify", scaling, revisions: [desired] };
  await under.engine.deployer.apply(wish, signal());
  return desired;
}

function get(lease: Lease): Promise<{ env: Record<string, string>; uid: number; cwd: string }> {
  const { address } = lease.target;
  if (address.kind !== "unix") throw new Error("not a local instance");
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: address.path, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(JSON.parse(text) as Awaited<ReturnType<typeof get>>));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

it("a compiled function is started with its identity, limits, environment and secrets", async () => {
  const { under, source } = await open(SERVER);
  const desired = await deploy(under);
  using lease = await under.engine.instances.acquire(desired.ref.key, signal());
  const { env, uid } = await get(lease);
  expect(env).toMatchObject({
    MODEL: "small",
    DB: "hunter2",
    HANZO_FN_ORG: "acme",
    HANZO_FN_FUNCTION: "classify",
    HANZO_FN_REVISION: "classify-00003",
    HANZO_FN_INSTANCE: lease.target.instance,
    HANZO_FN_SOURCE: source,
    HANZO_FN_ENTRY: "Classify",
    HANZO_FN_CONCURRENCY: "7",
    HANZO_FN_TIMEOUT_MS: "10000",
  });
  if (process.getuid?.() === 0) expect(uid).toBeGreaterThan(0);
});

it("code that ends before it listens has failed to load, with its last words", async () => {
  const { under } = await open(`console.error("no such table: users"); process.exit(3);`);
  const desired = await deploy(under);
  const refused = under.engine.instances.acquire(desired.ref.key, signal());
  await expect(refused).rejects.toMatchObject({
    code: "load_failed",
    message: expect.stringMatching(/exited with code 3 while loading.*no such table: users/),
  });
  expect(under.engine.deployer.status(desired.ref)?.failure?.logTail).toContain("no such table: users");
});

it("code that never listens is ended, and told of with its last lines", async () => {
  const { under } = await open(`console.log("still thinking"); setInterval(() => {}, 1000);`, 5000);
  const desired = await deploy(under);
  await expect(under.engine.instances.acquire(desired.ref.key, signal())).rejects.toMatchObject({
    code: "load_failed",
    message: "the code did not finish loading within 5 s",
  });
  expect(under.engine.deployer.status(desired.ref)?.failure?.logTail).toEqual(["still thinking"]);
});

it("a program that cannot be run has failed to load", async () => {
  const { under, source } = await open(SERVER);
  writeFileSync(join(source, "function"), "not a program");
  const desired = await deploy(under);
  await expect(under.engine.instances.acquire(desired.ref.key, signal())).rejects.toMatchObject({
    code: "load_failed",
  });
});
