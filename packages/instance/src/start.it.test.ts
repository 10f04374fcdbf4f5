import { spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "@hanzo-fn/lifecycle";
import { describe, expect, it, onTestFinished } from "vitest";
import {
  bodyOf,
  get,
  makePlaces,
  PLATFORM,
  runHandler,
  SOURCE,
  specOf,
  type Places,
} from "../test/places.ts";
import {
  cgroupControl,
  closeMemoryRoot,
  openMemoryRoot,
  rssControl,
  startInstance,
  startTime,
  sweepLeftovers,
  type InstanceSpec,
} from "./index.ts";

const MEBIBYTE = 1024 * 1024;
const isRoot = process.getuid?.() === 0;
const start = (spec: InstanceSpec) => startInstance(spec, AbortSignal.timeout(60_000));
const isGone = (pid: number): boolean => startTime(pid) === undefined;

describe("an instance", () => {
  it("has nothing of the platform's environment", async () => {
    const { instance } = await runHandler("environment", { env: { MINE: "1" } });
    const { environment, cwd } = JSON.parse(await get(instance)) as {
      environment: Record<string, string>;
      cwd: string;
    };
    expect(
      Object.keys(environment)
        .filter((name) => name !== "PWD")
        .sort(),
    ).toEqual(["HANZO_FN_DRAIN_MS", "HANZO_FN_SOCKET", "HOME", "LANG", "MINE", "PATH", "TMPDIR"].sort());
    expect(cwd).toBe(SOURCE);
  });

  it("leaves nothing behind: no process, no directory, no record", async () => {
    const { instance, places } = await runHandler("children");
    const pids = JSON.parse(await get(instance)) as number[];
    expect(pids.map(isGone)).toEqual([false, false, false]);
    const exit = await instance.stop(2000);
    expect(exit).toMatchObject({ byPlatform: true, outOfMemory: false });
    await expect.poll(() => pids.slice(0, 2).every(isGone)).toBe(true);
    expect(readdirSync(places.socketDir)).toEqual([]);
    expect(readdirSync(places.ledgerDir)).toEqual([]);
    if (!isGone(pids[2] as number)) process.kill(pids[2] as number, "SIGKILL");
  });

  it("with a uid of its own takes even those along that left its group", async (ctx) => {
    if (!isRoot) ctx.skip("needs root");
    const { instance } = await runHandler("children", { uid: 391_234 });
    const pids = JSON.parse(await get(instance)) as number[];
    await instance.kill();
    await expect.poll(() => pids.every(isGone)).toBe(true);
  });

  it("in a control group takes even those along that left its group", async (ctx) => {
    const root = openMemoryRoot();
    if (!root) return ctx.skip("no memory hierarchy is writable");
    onTestFinished(() => closeMemoryRoot(root.root));
    const { instance } = await runHandler("children", {
      memory: cgroupControl(root.kind, root.root, systemClock),
    });
    const pids = JSON.parse(await get(instance)) as number[];
    await instance.kill();
    await expect.poll(() => pids.every(isGone)).toBe(true);
    expect(readdirSync(root.root, { withFileTypes: true }).filter((entry) => entry.isDirectory())).toEqual(
      [],
    );
    return undefined;
  });

  it("loads code once, and says what is wrong with code that does not load", async () => {
    const instance = await start(specOf(makePlaces()));
    onTestFinished(async () => void (await instance.kill()));
    const signal = AbortSignal.timeout(60_000);
    const refusal = await instance.specialise(bodyOf("nothing.here"), signal);
    expect(refusal).toMatchObject({ ok: false, kind: "import_error" });
    await expect(instance.specialise(bodyOf("handler.environment"), signal)).rejects.toThrow("409");
  });

  it("that hangs does not answer a ping, and is stopped all the same", async () => {
    const { instance } = await runHandler("spin");
    expect(await instance.ping(20_000)).toBe(true);
    void get(instance).catch(() => undefined);
    await expect.poll(() => instance.ping(200)).toBe(false);
    const exit = await instance.stop(200);
    expect(exit).toMatchObject({ signal: "SIGKILL", byPlatform: true });
    expect(await instance.ping(200)).toBe(false);
  });

  it("that cannot be started is an error and leaves nothing", async () => {
    const places = makePlaces();
    await expect(start(specOf(places, { command: "/nowhere/node" }))).rejects.toThrow("ENOENT");
    await expect(start(specOf(places, { args: ["-e", "process.exit(70)"] }))).rejects.toThrow("has ended");
    await expect(
      start(specOf(places, { args: ["-e", "setInterval(()=>{},1000)"], bootTimeoutMs: 300 })),
    ).rejects.toThrow("did not listen within 300 ms");
    expect(readdirSync(places.socketDir)).toEqual([]);
    expect(readdirSync(places.ledgerDir)).toEqual([]);
  });

  it("is refused where its socket path would be too long", async () => {
    const places = makePlaces();
    await expect(start(specOf(places, { id: "x".repeat(100) }))).rejects.toThrow(
      "too long for a Unix socket",
    );
  });
});

describe("a memory limit", () => {
  it("of a control group ends the process and is known as the cause", async (ctx) => {
    const root = openMemoryRoot();
    if (!root) return ctx.skip("no memory hierarchy is writable");
    onTestFinished(() => closeMemoryRoot(root.root));
    const memory = cgroupControl(root.kind, root.root, systemClock);
    const { instance } = await runHandler("eat", { memory, memoryBytes: 128 * MEBIBYTE });
    await expect(get(instance)).rejects.toThrow();
    expect(await instance.exited).toMatchObject({ outOfMemory: true, byPlatform: false });
    return undefined;
  });

  it("by resident size ends the process and is known as the cause", async (ctx) => {
    if (startTime(process.pid) === undefined) ctx.skip("there is no /proc");
    const { instance } = await runHandler("eat", {
      memory: rssControl(systemClock),
      memoryBytes: 160 * MEBIBYTE,
    });
    await expect(get(instance)).rejects.toThrow();
    expect(await instance.exited).toMatchObject({ outOfMemory: true, byPlatform: false });
  });
});

describe("a flood of logs", () => {
  it(
    "of a gigabyte is survived: the call ends, most lines are counted instead of kept",
    { timeout: 180_000 },
    async () => {
      const { instance, lines } = await runHandler("flood");
      const before = process.memoryUsage().rss;
      let longest = 0;
      // Of computing between two beats: how long others compute meanwhile says nothing.
      const computedMs = (): number => {
        const { user, system } = process.cpuUsage();
        return (user + system) / 1000;
      };
      let last = computedMs();
      const beat = setInterval(() => {
        const now = computedMs();
        longest = Math.max(longest, now - last);
        last = now;
      }, 5);
      expect(await get(instance, "/1000")).toBe("done");
      clearInterval(beat);
      await instance.stop(1000);
      const dropped = lines
        .filter((line) => line.stream === "platform")
        .reduce((sum, line) => sum + Number(line.fields?.["dropped"]), 0);
      const kept = lines.filter((line) => line.stream !== "platform").length;
      expect(dropped + kept).toBe(10_000_001);
      expect(kept).toBeLessThan(100_000);
      // The platform goes on meanwhile, and holds no more than the lines it kept.
      expect(longest).toBeLessThan(500);
      expect(process.memoryUsage().rss - before).toBeLessThan(200 * MEBIBYTE);
    },
  );
});

/** Starts a platform in a process of its own; resolves with what it prints first and with the process. */
async function startPlatform(places: Places, spec: Record<string, unknown>, lines: number) {
  const { command, args, env, id, socketDir, ledgerDir, drainMs, bootTimeoutMs } = specOf(places);
  const all = { command, args, env, id, socketDir, ledgerDir, drainMs, bootTimeoutMs, ...spec };
  const platform = spawn(process.execPath, [PLATFORM, JSON.stringify(all)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void platform.kill("SIGKILL"));
  let text = "";
  for await (const chunk of platform.stdout) {
    text += String(chunk);
    if (text.trim().split("\n").length >= lines) break;
  }
  return { platform, pid: Number(text.split("\n")[0]) };
}

describe("a platform that is killed", () => {
  it("takes an instance along that is not busy", async () => {
    const { platform, pid } = await startPlatform(makePlaces(), {}, 1);
    expect(isGone(pid)).toBe(false);
    platform.kill("SIGKILL");
    await expect.poll(() => isGone(pid)).toBe(true);
  });

  it("leaves a busy instance to the sweep of the next start", async () => {
    const places = makePlaces();
    const { platform, pid } = await startPlatform(places, { source: SOURCE }, 2);
    expect(await sweepLeftovers(places.ledgerDir)).toBe(0);
    expect(isGone(pid)).toBe(false);
    const ended = new Promise((resolve) => platform.once("exit", resolve));
    platform.kill("SIGKILL");
    await ended;
    expect(await sweepLeftovers(places.ledgerDir)).toBe(1);
    await expect.poll(() => isGone(pid)).toBe(true);
    expect(existsSync(join(places.socketDir, "i1"))).toBe(false);
    expect(readdirSync(places.ledgerDir)).toEqual([]);
  });

  it("takes a busy instance along where the launcher asks the kernel for it", async (ctx) => {
    const prefix = ["setpriv", "--pdeathsig", "KILL", "--"];
    if (spawn("setpriv", ["--version"], { stdio: "ignore" }).pid === undefined)
      ctx.skip("there is no setpriv");
    const { platform, pid } = await startPlatform(makePlaces(), { source: SOURCE, prefix }, 2);
    platform.kill("SIGKILL");
    await expect.poll(() => isGone(pid)).toBe(true);
  });
});
