import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { openTestEngine, type TestEngine } from "../../test/open-engine.ts";
import { revisionRef, type DesiredRevision, type Lease } from "../engine.ts";
import { readableByOthers } from "./isolation.ts";
import type { LocalEngineDeps } from "./engine.ts";
import type { LocalEngineOptions } from "./options.ts";

const isRoot = process.getuid?.() === 0;
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

async function open(
  over?: Partial<LocalEngineOptions>,
  deps?: Partial<LocalEngineDeps>,
): Promise<TestEngine> {
  const under = await openTestEngine(over, deps);
  onTestFinished(() => under.close());
  return under;
}

function revision(under: TestEngine, name: string): DesiredRevision {
  return {
    ref: revisionRef("acme", name, 1),
    sourceDigest: "0",
    environment: {},
    secrets: {},
    cpuMillis: 100,
    timeoutMs: 10_000,
    concurrency: 10,
    percent: 100,
    ...under.fixture("main"),
  };
}

async function deploy(under: TestEngine, name: string, over: Partial<DesiredRevision> = {}): Promise<Lease> {
  const desired = { ...revision(under, name), ...over };
  const scaling = { minInstances: 0, maxInstances: 2, targetConcurrency: 10, scaleDownDelayMs: 0 };
  await under.engine.deployer.apply({ org: "acme", function: name, scaling, revisions: [desired] }, signal());
  return under.engine.instances.acquire(desired.ref.key, signal());
}

function get(lease: Lease, path: string): Promise<Record<string, unknown>> {
  const { address } = lease.target;
  if (address.kind !== "unix") throw new Error("not a local instance");
  return new Promise((resolve, reject) => {
    const outgoing = request({ socketPath: address.path, path, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve(JSON.parse(text) as Record<string, unknown>));
    });
    outgoing.on("error", reject);
    outgoing.end();
  });
}

const readable = async (lease: Lease, path: string): Promise<boolean> =>
  (await get(lease, `/read?path=${encodeURIComponent(path)}`))["readable"] === true;

describe("instances of a platform that is root", () => {
  it("run as uids of their own and read neither the platform's data nor each other's", async (ctx) => {
    if (!isRoot) ctx.skip("needs root");
    const under = await open();
    const data = mkdtempSync(join(tmpdir(), "hfn-data-"));
    onTestFinished(() => rmSync(data, { recursive: true, force: true }));
    writeFileSync(join(data, "secrets.json"), "{}", { mode: 0o644 });
    using one = await deploy(under, "one");
    using two = await deploy(under, "two");
    const [first, second] = [await get(one, "/env"), await get(two, "/env")];
    expect(first["uid"]).not.toBe(second["uid"]);
    expect(first["uid"]).toBeGreaterThan(1000);
    const tmp = (first["environment"] as Record<string, string>)["TMPDIR"] as string;
    expect(await readable(one, tmp)).toBe(true);
    expect(await readable(two, tmp)).toBe(false);
    expect(await readable(two, join(data, "secrets.json"))).toBe(false);
    expect(await readable(two, join(under.runDir, "p"))).toBe(false);
    expect(await readable(two, join(under.runDir, "i"))).toBe(false);
    expect(under.engine.isolation().find(({ limit }) => limit === "uid")?.enforced).toBe(true);
    expect(under.engine.isolation().find(({ limit }) => limit === "network")?.enforced).toBe(false);
    expect(under.engine.deployer.status(revisionRef("acme", "two", 1))?.warnings).toEqual([]);
  });

  it("run as the platform, with a warning, where others cannot read the runtime", async (ctx) => {
    if (!isRoot) ctx.skip("needs root");
    const hidden = mkdtempSync(join(tmpdir(), "hfn-hidden-"));
    onTestFinished(() => rmSync(hidden, { recursive: true, force: true }));
    const node = join(hidden, "node");
    symlinkSync(process.execPath, node);
    const runtime = readFileSync(new URL("../../../instance/fixtures/fake-runtime.mjs", import.meta.url));
    writeFileSync(join(hidden, "runtime.mjs"), runtime);
    const under = await open(
      {},
      { runtimes: { fake: { command: node, args: [join(hidden, "runtime.mjs")], env: {} } } },
    );
    using lease = await deploy(under, "one");
    expect((await get(lease, "/env"))["uid"]).toBe(0);
    const { warnings } = under.engine.deployer.status(revisionRef("acme", "one", 1)) ?? { warnings: [] };
    expect(warnings.join("\n")).toContain("other users cannot read");
    expect(under.engine.isolation().find(({ limit }) => limit === "uid")).toMatchObject({ enforced: false });
  });

  it("run as the platform, with a warning, where others cannot read the working copy", async (ctx) => {
    if (!isRoot) ctx.skip("needs root");
    const hidden = mkdtempSync(join(tmpdir(), "hfn-hidden-"));
    onTestFinished(() => rmSync(hidden, { recursive: true, force: true }));
    const source = join(hidden, "source");
    mkdirSync(source);
    const handler = new URL("../../fixtures/fake/handler.mjs", import.meta.url);
    writeFileSync(join(source, "handler.mjs"), readFileSync(handler));
    const under = await open(
      {},
      { prepare: async () => ({ dir: source, entry: "handler.main", paths: [] }) },
    );
    using lease = await deploy(under, "one");
    expect((await get(lease, "/env"))["uid"]).toBe(0);
    const { warnings } = under.engine.deployer.status(revisionRef("acme", "one", 1)) ?? { warnings: [] };
    expect(warnings[0]).toContain(source);
  });
});

describe("a runtime", () => {
  it("that this machine lacks fails the deploy with the reason", async () => {
    const under = await open(
      {},
      {
        runtimes: {
          fake: { command: "none", args: [], env: {}, unavailable: "Python 3.10 or newer was not found" },
        },
      },
    );
    const error = await deploy(under, "one").catch((error: unknown) => error);
    expect(error).toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("Python 3.10 or newer"),
    });
  });

  it("that takes more memory by itself than the function may says so", async () => {
    const under = await open();
    const error = await deploy(under, "one", { memoryBytes: 8 * 1024 * 1024 }).catch(
      (error: unknown) => error,
    );
    expect(["load_failed", "out_of_memory"]).toContain((error as { code: string }).code);
  });
});

describe("a stop", () => {
  it("lets a running call end, refuses new ones, and leaves nothing behind", async () => {
    const under = await open();
    using lease = await deploy(under, "one");
    const running = get(lease, "/sleep?ms=300");
    void running.finally(() => lease.release());
    const stopping = under.engine.stop(60_000);
    const refusal = under.engine.instances.acquire("acme/one-00001", signal());
    await expect(refusal).rejects.toMatchObject({ code: "draining" });
    expect(await running).toEqual({ slept: 300 });
    await stopping;
    expect(lease.target.gone.aborted).toBe(true);
    expect(existsSync(under.runDir)).toBe(false);
  });
});

describe("a missing secret", () => {
  it("fails the deploy by name", async () => {
    const under = await open();
    const error = await deploy(under, "one", { secrets: { TOKEN: "api-token" } }).catch(
      (error: unknown) => error,
    );
    expect(error).toMatchObject({ code: "missing_secret", message: expect.stringContaining("api-token") });
  });
});

describe("reachability", () => {
  it("looks at the directories above, through links", () => {
    const home = mkdtempSync(join(tmpdir(), "hfn-reach-"));
    onTestFinished(() => rmSync(home, { recursive: true, force: true }));
    const file = join(home, "file");
    writeFileSync(file, "", { mode: 0o644 });
    expect(readableByOthers(file)).toBe(false);
    expect(readableByOthers(process.execPath)).toBe(readableByOthers(dirname(process.execPath)));
    expect(readableByOthers(join(home, "nothing"))).toBe(false);
    expect(readableByOthers("/etc/passwd")).toBe(true);
  });
});
