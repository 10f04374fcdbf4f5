import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog, tempDir, waitFor } from "@hanzo-fn/testkit";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { openStore, type Store } from "../index.ts";
import { aFunction, NOW } from "../test-setup.ts";

/** Every row that was acknowledged must outlive a kill; the disk's own cache is not under test. */
const settings = { fsync: "off" };

function open(dataDir: string, more: { uid?: number } = {}, log = recordingLog()): Promise<Store> {
  return openStore({ database: { embedded: { dataDir, settings, ...more } }, log, clock: systemClock });
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number((await readFile(path.join(dataDir, "postgres/data/postmaster.pid"), "utf8")).split("\n")[0]);
}

async function realUid(pid: number): Promise<number> {
  return Number(/^Uid:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8"))?.[1]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Another platform process that opens the directory and says so. */
async function spawnPlatform(dataDir: string): Promise<ChildProcess & AsyncDisposable> {
  const index = JSON.stringify(new URL("../index.ts", import.meta.url).href);
  const script = `
    import { openStore } from ${index};
    const log = { info() {}, warn() {}, error() {} };
    const clock = { now: Date.now, monotonic: () => performance.now(), sleep: (ms) => new Promise((r) => setTimeout(r, ms)) };
    await openStore({ database: { embedded: { dataDir: ${JSON.stringify(dataDir)} } }, log, clock });
    console.log("open");`;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(() => Promise.reject(new Error("the other platform ended early"))),
  ]);
  return Object.assign(child, {
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    },
  });
}

const eventually = (work: () => Promise<unknown>) =>
  waitFor("the pool", () =>
    work().then(
      () => true,
      () => false,
    ),
  );

describe("the embedded database", () => {
  test("keeps its rows from one start to the next, and nothing of it runs after a close", async () => {
    await using dir = await tempDir();
    const first = await open(dir.path);
    await first.functions.insert(aFunction("f"), NOW);
    const pid = await postmasterPid(dir.path);
    await first.close();
    expect(isAlive(pid)).toBe(false);
    await using second = await open(dir.path);
    expect(await second.functions.get("acme", "f")).toMatchObject({ name: "f" });
  });

  test("is made anew where the first start was cut in the making", async () => {
    await using dir = await tempDir();
    await mkdir(path.join(dir.path, "postgres/data.unfinished"), { recursive: true });
    await writeFile(path.join(dir.path, "postgres/data.unfinished/PG_VERSION"), "18\n");
    await writeFile(path.join(dir.path, "postgres/password"), "of-the-cut-one");
    await using store = await open(dir.path);
    await expect(store.health()).resolves.toBeUndefined();
  });

  test("shows its socket, files and password to nobody else", async () => {
    await using dir = await tempDir();
    await using _store = await open(dir.path);
    const mode = async (name: string) => (await stat(path.join(dir.path, "postgres", name))).mode & 0o777;
    expect(await mode("data")).toBe(0o700);
    expect(await mode("socket")).toBe(0o700);
    expect(await mode("password")).toBe(0o600);
    expect((await mode(".")) & 0o007).toBe(0);
    const args = await readFile(`/proc/${await postmasterPid(dir.path)}/environ`, "utf8").catch(() => "");
    expect(args).not.toContain(await readFile(path.join(dir.path, "postgres/password"), "utf8"));
  });

  test("listens in a short folder where the data directory's path is too long for a socket", async () => {
    await using dir = await tempDir();
    const long = path.join(dir.path, "x".repeat(120));
    await mkdir(long);
    await using store = await open(long);
    await expect(store.health()).resolves.toBeUndefined();
  });

  test("is refused to a second platform, by the number of the first, and free again after it", async () => {
    await using dir = await tempDir();
    await using other = await spawnPlatform(dir.path);
    await expect(open(dir.path)).rejects.toMatchObject({
      code: "conflict",
      message: `the data directory ${dir.path} is in use by process ${other.pid}`,
    });
    // The loser has touched nothing: the winner's database still runs.
    expect(isAlive(await postmasterPid(dir.path))).toBe(true);
    other.kill("SIGKILL");
    await once(other, "exit");
    await using store = await open(dir.path);
    await store.health();
  });

  test("is refused to a second store in one process", async () => {
    await using dir = await tempDir();
    await using _store = await open(dir.path);
    await expect(open(dir.path)).rejects.toMatchObject({ code: "conflict" });
  });

  test("that outlived a killed platform is stopped and started anew, within seconds", async () => {
    await using dir = await tempDir();
    await using other = await spawnPlatform(dir.path);
    const stray = await postmasterPid(dir.path);
    other.kill("SIGKILL");
    await once(other, "exit");
    expect(isAlive(stray)).toBe(true);
    await using store = await open(dir.path);
    expect(await postmasterPid(dir.path)).not.toBe(stray);
    await store.health();
  }, 60_000);

  test("starts beside a process that was given its old number", async () => {
    await using dir = await tempDir();
    await (await open(dir.path)).close();
    const file = path.join(dir.path, "postgres/data/postmaster.pid");
    await writeFile(file, `${process.pid}\n${path.dirname(file)}\n1\n5432\n\n\n\n\n`);
    await using store = await open(dir.path);
    await expect(store.health()).resolves.toBeUndefined();
  });

  test("that is killed is started again: queries fail as unavailable and then work, acknowledged rows stay", async () => {
    await using dir = await tempDir();
    const log = recordingLog();
    await using store = await open(dir.path, {}, log);
    for (let round = 0; round < 3; round++) {
      await store.functions.insert(aFunction(`f-${round}`), NOW);
      const pid = await postmasterPid(dir.path);
      process.kill(pid, "SIGKILL");
      const codes = new Set<unknown>();
      await waitFor("the database to be back", async () => {
        const row = await store.functions
          .get("acme", `f-${round}`)
          .catch((error: { code?: unknown }) => void codes.add(error.code));
        // For a moment a backend may answer that has lost its server.
        const next = await postmasterPid(dir.path).catch(() => pid);
        return row !== undefined && next !== pid && isAlive(next);
      });
      expect([...codes].filter((code) => code !== "database_unavailable")).toEqual([]);
    }
    expect(log.lines.filter((line) => line.msg.includes("died"))).toHaveLength(3);
    expect(await store.functions.list({ org: "acme", page: 1, pageSize: 10 })).toMatchObject({ total: 3 });
  });

  test("is told of changes and log lines again after it was killed", async () => {
    await using dir = await tempDir();
    await using store = await open(dir.path);
    const stop = new AbortController();
    let resyncs = 0;
    const changed: string[] = [];
    store.onChange(
      { onChange: (org, fn) => changed.push(`${org}/${fn}`), onResync: () => (resyncs += 1) },
      stop.signal,
    );
    const lines: string[] = [];
    const following = (async () => {
      const filter = { org: "acme", function: "f" };
      for await (const line of store.followLogs(filter, { afterId: 0 }, stop.signal)) lines.push(line.msg);
    })();
    const entry = {
      tsMs: 0,
      level: "info",
      org: "acme",
      function: "f",
      revision: "r",
      instance: "i",
      stream: "log",
    } as const;
    await waitFor("the first connection", () => resyncs === 1);
    await store.appendLogs([{ ...entry, msg: "before" }]);
    process.kill(await postmasterPid(dir.path), "SIGKILL");
    await waitFor("the reconnect", () => resyncs === 2);
    await eventually(() => store.withTransaction((tx) => tx.notifyChange("acme", "f")));
    await eventually(() => store.appendLogs([{ ...entry, msg: "after" }]));
    await waitFor("the change", () => changed.includes("acme/f"));
    await waitFor("the line", () => lines.includes("after"));
    expect(lines).toEqual(["before", "after"]);
    stop.abort();
    await following;
  });
});

describe("where the platform runs as root", () => {
  const isRoot = process.getuid?.() === 0;
  const nobody = 65_534;

  test("PostgreSQL runs as another user", async (ctx) => {
    if (!isRoot) return ctx.skip("this process is not root");
    await using dir = await tempDir();
    await using _store = await open(dir.path);
    expect(await realUid(await postmasterPid(dir.path))).not.toBe(0);
  });

  test("PostgreSQL runs as the user asked for", async (ctx) => {
    if (!isRoot) return ctx.skip("this process is not root");
    await using dir = await tempDir();
    await using _store = await open(dir.path, { uid: nobody });
    expect(await realUid(await postmasterPid(dir.path))).toBe(nobody);
    expect((await stat(path.join(dir.path, "postgres/data"))).uid).toBe(nobody);
  });

  test("a private data directory is opened to the database's group, to pass through and no more", async (ctx) => {
    if (!isRoot) return ctx.skip("this process is not root");
    await using dir = await tempDir();
    const dataDir = path.join(dir.path, "data");
    await mkdir(dataDir, { mode: 0o700 });
    await using _store = await open(dataDir);
    expect((await stat(dataDir)).mode & 0o777).toBe(0o710);
  });

  test("a data directory below a closed folder is refused, with the folder and the way out", async (ctx) => {
    if (!isRoot) return ctx.skip("this process is not root");
    await using dir = await tempDir();
    const home = path.join(dir.path, "home");
    await mkdir(home);
    await chmod(home, 0o700);
    await expect(open(path.join(home, "data"))).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining(`${home} is closed to it`) as string,
      next: expect.stringContaining("data_dir: /var/lib/hanzo-fn") as string,
    });
    expect((await stat(home)).mode & 0o777).toBe(0o700);
  });

  test("a user that is root or unknown is refused", async (ctx) => {
    if (!isRoot) return ctx.skip("this process is not root");
    await using dir = await tempDir();
    for (const uid of [0, 4_000_000]) {
      await expect(open(dir.path, { uid })).rejects.toMatchObject({ code: "unsupported" });
    }
  });
});
