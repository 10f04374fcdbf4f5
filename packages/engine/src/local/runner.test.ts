import { PlatformError, type FunctionLogEntry } from "@hanzo-fn/contract";
import { describe, expect, it } from "vitest";
import { createFakeClock, settle } from "@hanzo-fn/testkit";
import { createFakeStarter } from "../../test/fake-starter.ts";
import { revisionRef, type DesiredRevision, type RevisionStatus, type Scaling } from "../engine.ts";
import { createCapacity } from "./capacity.ts";
import { LOCAL_DEFAULTS } from "./options.ts";
import { RevisionRunner } from "./runner.ts";
import { createTicker } from "./ticker.ts";

const SCALING: Scaling = { minInstances: 0, maxInstances: 10, targetConcurrency: 2, scaleDownDelayMs: 0 };
const DESIRED: DesiredRevision = {
  ref: revisionRef("acme", "f", 1),
  runtime: "fake",
  entry: "handler.main",
  sourceDigest: "0",
  environment: {},
  secrets: {},
  cpuMillis: 100,
  memoryBytes: 1024 * 1024,
  timeoutMs: 10_000,
  concurrency: 2,
  percent: 100,
  proven: true,
};

function world(maxInstances = 100, over: Partial<typeof LOCAL_DEFAULTS> = {}) {
  const clock = createFakeClock();
  const starter = createFakeStarter();
  const ticker = createTicker(clock, LOCAL_DEFAULTS.tickMs);
  const capacity = createCapacity(maxInstances);
  const logs: FunctionLogEntry[] = [];
  const states: RevisionStatus[] = [];
  let ids = 0;
  const run = (desired: Partial<DesiredRevision> = {}, scaling: Partial<Scaling> = {}): RevisionRunner => {
    const context = {
      starter,
      capacity,
      ticker,
      clock,
      options: { ...LOCAL_DEFAULTS, ...over },
      randomId: () => String(++ids),
      logs: { append: (entry: FunctionLogEntry) => void logs.push(entry) },
      warnings: () => [],
      onState: (status: RevisionStatus) => void states.push(status),
    };
    const runner = new RevisionRunner({ ...DESIRED, ...desired }, { ...SCALING, ...scaling }, context);
    runner.begin();
    return runner;
  };
  /** Lets the oldest pending start come up. */
  const up = async (times?: { bootMs?: number; loadMs?: number }) => {
    await settle();
    const process = starter.pending[0]?.up(times);
    if (!process) throw new Error("nothing is starting");
    await settle();
    return process;
  };
  return { clock, starter, ticker, logs, states, run, up };
}

const signal = (): AbortSignal => new AbortController().signal;
const codeOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => "granted",
    (error: unknown) => (error instanceof PlatformError ? error.code : String(error)),
  );

describe("a revision's state", () => {
  it("goes from building over starting to ready, with the time of each", async () => {
    const { clock, run, states, up } = world();
    const runner = run({ proven: false });
    await settle();
    await clock.advance(40);
    await up();
    expect(states.map(({ state }) => state)).toEqual(["building", "starting", "ready"]);
    expect(runner.status().phasesMs).toEqual({ build: 0, start: 40 });
  });

  it("is failed where the proof fails, for calls that wait too", async () => {
    const { run, starter } = world();
    const runner = run({ proven: false });
    const waiting = codeOf(runner.acquire(signal()));
    await settle();
    starter.pending[0]?.fail(new PlatformError("load_failed", "no"));
    expect(await waiting).toBe("load_failed");
    expect(runner.status()).toMatchObject({
      state: "failed",
      failure: { code: "load_failed", message: "no" },
    });
    expect(await codeOf(runner.acquire(signal()))).toBe("load_failed");
  });

  it("stays failed when the same wish comes again, where the code was the cause", async () => {
    const { clock, run, starter } = world();
    const runner = run({ proven: false });
    await settle();
    starter.pending[0]?.fail(new PlatformError("load_failed", "no"));
    await clock.advance(60_000);
    runner.apply(DESIRED, SCALING);
    await settle();
    expect(starter.pending).toHaveLength(0);
  });

  it("is tried again by a later wish, where the cause was outside of the code", async () => {
    const { clock, run, starter, up } = world();
    const runner = run({ proven: false });
    await settle();
    starter.pending[0]?.fail(new PlatformError("registry_unreachable", "no"));
    await settle();
    runner.apply(DESIRED, SCALING);
    await settle();
    expect(starter.pending).toHaveLength(0);
    await clock.advance(5000);
    runner.apply(DESIRED, SCALING);
    await up();
    expect(runner.status().state).toBe("ready");
  });
});

describe("a call", () => {
  it("from zero starts one instance and carries the phases of its wait", async () => {
    const { clock, run, starter, up } = world();
    const runner = run();
    const acquiring = runner.acquire(signal());
    await settle();
    expect(starter.pending).toHaveLength(1);
    await clock.advance(30);
    await up({ bootMs: 0, loadMs: 20 });
    const lease = await acquiring;
    expect(lease.coldStart).toEqual({ totalMs: 30, phasesMs: { queue: 10, boot: 0, load: 20 } });
    expect(runner.tryAcquire()?.coldStart).toBeUndefined();
  });

  it("takes the instance with the fewest calls", async () => {
    const { run, up } = world();
    const runner = run({}, { minInstances: 2 });
    const [a, b] = [await up(), await up()];
    const names = [1, 2, 3, 4].map(() => runner.tryAcquire()?.target.instance);
    expect(names.filter((name) => name === a.name)).toHaveLength(2);
    expect(names.filter((name) => name === b.name)).toHaveLength(2);
    expect(new Set(names.slice(0, 2)).size).toBe(2);
    expect(runner.tryAcquire()).toBeUndefined();
  });

  it("gives its slot back once, however often it is released", async () => {
    const { run, up } = world();
    const runner = run({ concurrency: 1 }, { minInstances: 1, maxInstances: 1 });
    await up();
    const lease = runner.tryAcquire();
    lease?.release();
    lease?.release();
    lease?.[Symbol.dispose]();
    expect(runner.tryAcquire()).toBeDefined();
    expect(runner.tryAcquire()).toBeUndefined();
  });

  it("is refused where the queue is full", async () => {
    const { run } = world(100, { queueDepth: 2 });
    const runner = run();
    void runner.acquire(signal()).catch(() => undefined);
    void runner.acquire(signal()).catch(() => undefined);
    expect(await codeOf(runner.acquire(signal()))).toBe("no_capacity");
    void runner.remove(0);
  });

  it("is refused after the queue timeout, counted for each caller alone", async () => {
    const { clock, run } = world();
    const runner = run();
    const first = codeOf(runner.acquire(signal()));
    await clock.advance(30_000);
    const second = codeOf(runner.acquire(signal()));
    await clock.advance(30_000);
    expect(await first).toBe("queue_timeout");
    const pending = Symbol("pending");
    expect(await Promise.race([second, settle().then(() => pending)])).toBe(pending);
    await clock.advance(30_000);
    expect(await second).toBe("queue_timeout");
  });
});

describe("the number of instances", () => {
  it("does not rise while the one that starts can take all who wait", async () => {
    const { clock, run, starter } = world();
    const runner = run();
    void runner.acquire(signal());
    void runner.acquire(signal());
    await clock.advance(1000);
    expect(starter.pending).toHaveLength(1);
  });

  it("rises for those who wait before the next tick", async () => {
    const { clock, run, starter } = world();
    const runner = run();
    for (let i = 0; i < 7; i++) void runner.acquire(signal());
    await settle();
    expect(starter.pending).toHaveLength(1);
    await clock.advance(LOCAL_DEFAULTS.pokeMs);
    expect(starter.pending).toHaveLength(4);
  });

  it("is zero a stable window after the last call, and nothing ticks then", async () => {
    const { clock, run, ticker, up } = world();
    const runner = run();
    const acquiring = runner.acquire(signal());
    const process = await up();
    (await acquiring).release();
    await clock.advance(58_000);
    expect(process.asked).toEqual([]);
    await clock.advance(6000);
    expect(process.asked).toEqual(["stop 3000"]);
    await clock.advance(4000);
    expect(ticker.has(runner)).toBe(false);
    expect(runner.status()).toMatchObject({ state: "ready", instances: [] });
  });

  it("falls only when the delay has passed as well", async () => {
    const { clock, run, up } = world();
    const runner = run({}, { scaleDownDelayMs: 120_000 });
    const acquiring = runner.acquire(signal());
    const process = await up();
    (await acquiring).release();
    await clock.advance(170_000);
    expect(process.asked).toEqual([]);
    await clock.advance(16_000);
    expect(process.asked).toEqual(["stop 3000"]);
    void runner;
  });

  it("never ends an instance that has a call, but gives it no new one", async () => {
    const { clock, run, up } = world();
    const runner = run({ concurrency: 1 }, { minInstances: 1 });
    const process = await up();
    const lease = runner.tryAcquire();
    const removing = runner.remove();
    await clock.advance(5000);
    expect(process.asked).toEqual([]);
    expect(runner.tryAcquire()).toBeUndefined();
    lease?.release();
    await removing;
    expect(process.asked).toEqual(["stop 3000"]);
  });

  it("changes with the wish at once", async () => {
    const { run, starter, up } = world();
    const runner = run();
    runner.apply(DESIRED, { ...SCALING, minInstances: 2 });
    await settle();
    expect(starter.pending).toHaveLength(2);
    await up();
    await up();
    runner.apply({ ...DESIRED, percent: 0 }, { ...SCALING, minInstances: 2 });
    await settle();
    expect(runner.status().instances).toHaveLength(1);
  });

  it("stays below the cap of all functions: an idle instance of another one makes room", async () => {
    const { clock, run, starter, up } = world(1);
    const idle = run({ ref: revisionRef("acme", "idle", 1) });
    const first = idle.acquire(signal());
    const old = await up();
    (await first).release();
    const busy = run({ ref: revisionRef("acme", "busy", 1) });
    const second = busy.acquire(signal());
    await settle();
    expect(old.asked).toEqual(["stop 3000"]);
    await up();
    const lease = await second;
    await clock.advance(10_000);
    expect(starter.pending).toHaveLength(0);
    const third = idle.acquire(signal());
    await clock.advance(100);
    expect(starter.pending).toHaveLength(0);
    lease.release();
    await clock.advance(100);
    await up();
    expect((await third).target.instance).toContain("idle");
  });
});

describe("crashes", () => {
  it("one by one, with finished calls between them, never delay a start", async () => {
    const { run, starter, up } = world();
    const runner = run();
    for (let i = 0; i < 10; i++) {
      const good = runner.acquire(signal());
      const process = await up();
      (await good).release();
      process.exit({ code: 1 });
      await settle();
      starter.pending[0]?.up();
      await settle();
      starter.processes.at(-1)?.exit({ code: 1 });
      await settle();
      expect(runner.status().failure?.code).toBe("instance_exited");
    }
    await runner.remove(0);
  });

  it("in a row delay the next start for longer each time, and say so", async () => {
    const { clock, run, starter, up } = world();
    const runner = run({}, { minInstances: 1 });
    for (let i = 0; i < 3; i++) (await up()).exit({ code: 5, logTail: ["the last words"] });
    await settle();
    expect(starter.pending).toHaveLength(0);
    const refusal = await runner.acquire(signal()).catch((error: unknown) => error as PlatformError);
    expect(refusal).toMatchObject({ code: "crash_loop", retryAfterSeconds: 1 });
    expect((refusal as PlatformError).message).toContain("the last words");
    await clock.advance(1000);
    (await up()).exit({ code: 5 });
    await clock.advance(1000);
    expect(starter.pending).toHaveLength(0);
    await clock.advance(1000);
    await up();
    const lease = runner.tryAcquire();
    lease?.release();
    expect(runner.status().failure).toMatchObject({ code: "instance_exited" });
  });

  it("reject those who wait", async () => {
    const { run, up } = world();
    const runner = run({ concurrency: 1 }, { maxInstances: 1 });
    const codes = [1, 2, 3, 4].map(() => codeOf(runner.acquire(signal())));
    for (let i = 0; i < 3; i++) (await up()).exit({ code: 1 });
    await settle();
    expect(await Promise.all(codes)).toEqual(["granted", "granted", "granted", "crash_loop"]);
  });

  it("show for ten minutes", async () => {
    const { clock, run, up } = world();
    const runner = run({}, { minInstances: 1 });
    (await up()).exit({ outOfMemory: true, signal: "SIGKILL", code: null });
    await up();
    expect(runner.status().failure?.code).toBe("out_of_memory");
    await clock.advance(LOCAL_DEFAULTS.failureShownMs + 1);
    expect(runner.status().failure).toBeUndefined();
  });

  it("whose cause is outside of the code are told as they are", async () => {
    const { run, starter } = world();
    const runner = run();
    const waiting = codeOf(runner.acquire(signal()));
    await settle();
    starter.pending[0]?.fail(new PlatformError("missing_secret", "the secret is gone"));
    expect(await waiting).toBe("missing_secret");
  });
});

describe("a deadline", () => {
  it("takes the instance out of the choice and starts another", async () => {
    const { run, starter, up } = world();
    const runner = run();
    const acquiring = runner.acquire(signal());
    const process = await up();
    const lease = await acquiring;
    const neighbour = runner.tryAcquire();
    lease.expire();
    await settle();
    expect(process.asked).toEqual(["ping"]);
    expect(starter.pending).toHaveLength(1);
    expect(runner.tryAcquire()).toBeUndefined();
    lease.release();
    await settle();
    expect(process.asked).toEqual(["ping"]);
    neighbour?.release();
    await settle();
    expect(process.asked).toEqual(["ping", "stop 500"]);
    expect(lease.target.gone.aborted).toBe(true);
    await runner.remove(0);
  });

  it("kills at once what does not answer", async () => {
    const { run, up } = world();
    const runner = run();
    const acquiring = runner.acquire(signal());
    const process = await up();
    const lease = await acquiring;
    const neighbour = runner.tryAcquire();
    process.responsive = false;
    lease.expire();
    await settle();
    expect(process.asked).toEqual(["ping", "kill"]);
    expect(await neighbour?.diagnose()).toMatchObject({ code: "instance_killed" });
    await runner.remove(0);
  });

  it("of one call alone ends the instance without waiting for that call", async () => {
    const { run, up } = world();
    const runner = run();
    const acquiring = runner.acquire(signal());
    const process = await up();
    const lease = await acquiring;
    lease.expire();
    await settle();
    expect(process.asked).toEqual(["ping", "stop 500"]);
    lease.release();
    await runner.remove(0);
  });
});

describe("a broken connection", () => {
  it("to an instance that listens is told as it is, and the instance goes on", async () => {
    const { run, up, clock } = world();
    const runner = run();
    const acquiring = runner.acquire(signal());
    const process = await up();
    const lease = await acquiring;
    const diagnosis = lease.diagnose();
    await clock.advance(LOCAL_DEFAULTS.diagnoseMs);
    expect(await diagnosis).toMatchObject({ code: "upstream_unreachable" });
    expect([process.asked, lease.target.gone.aborted]).toEqual([[], false]);
    lease.release();
    await runner.remove(0);
  });

  it("to an instance that lives and listens no more ends it, and another takes its place", async () => {
    const { run, up, clock, starter } = world();
    const runner = run();
    const acquiring = runner.acquire(signal());
    const process = await up();
    const lease = await acquiring;
    process.listening = false;
    const diagnosis = lease.diagnose();
    await clock.advance(LOCAL_DEFAULTS.diagnoseMs);
    expect(await diagnosis).toMatchObject({ code: "instance_exited" });
    await settle();
    expect([process.asked, lease.target.gone.aborted]).toEqual([["kill"], true]);
    lease.release();
    const next = runner.acquire(signal());
    await settle();
    expect(starter.pending).toHaveLength(1);
    await up();
    const other = await next;
    expect(other.target.instance).not.toBe(lease.target.instance);
    other.release();
    await runner.remove(0);
  });
});

describe("taking down", () => {
  it("refuses those who wait, gives up what starts, and cuts what does not end in time", async () => {
    const { clock, run, up } = world();
    const runner = run({ concurrency: 1 });
    const acquiring = runner.acquire(signal());
    const process = await up();
    await acquiring;
    const waiting = codeOf(runner.acquire(signal()));
    const removing = runner.remove(2000);
    expect(await waiting).toBe("draining");
    expect(await codeOf(runner.acquire(signal()))).toBe("draining");
    await clock.advance(1999);
    expect(process.asked).toEqual([]);
    await clock.advance(1);
    await removing;
    expect(process.asked).toEqual(["kill"]);
  });
});
