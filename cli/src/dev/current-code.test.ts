import { PlatformError } from "@hanzo-fn/contract";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import type { CodeInstance } from "./code-instance.ts";
import { createCurrentCode } from "./current-code.ts";
import type { SourceWatch } from "./source-watch.ts";

/** Everything by hand: saves, the clock, and when a build is done. */
function setup() {
  let now = 0;
  let version = 1;
  let unseen = 0;
  const builds: { version: number; signal: AbortSignal; done: (value: CodeInstance | Error) => void }[] = [];
  const told: string[] = [];
  const watch: SourceWatch = {
    get version() {
      return version;
    },
    look() {
      if (unseen > 0) {
        version += unseen;
        unseen = 0;
        code.refresh();
      }
      return version;
    },
    touch: () => ++version,
    quiet: () => Promise.resolve(),
    close: () => {},
  };
  const code = createCurrentCode({
    watch,
    make: (version, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason as Error));
        const done = (value: CodeInstance | Error): void =>
          value instanceof Error ? reject(value) : resolve(value);
        builds.push({ version, signal, done });
      }),
    events: {
      onReady: (_, ms) => told.push(`ready ${ms}`),
      onFailed: (error) => told.push(`failed ${error.code}`),
    },
    clock: { now: () => now, monotonic: () => now, sleep: () => Promise.resolve() },
  });
  return {
    code,
    builds,
    told,
    pass: (ms: number) => void (now += ms),
    save() {
      version += 1;
      code.refresh();
    },
    /** The kernel has not told of it yet. */
    saveUnseen: () => void unseen++,
    build: (i: number) => waitFor(`build ${i}`, () => builds[i]),
  };
}

function instance(name: string) {
  const state = { usable: true, retired: 0 };
  const made = {
    options: { function: "f", revision: name },
    get usable() {
      return state.usable;
    },
    retire: () => void state.retired++,
    lease: (coldStart: unknown) => ({ name, coldStart }),
    process: { stop: () => Promise.resolve() },
  };
  return { made: made as unknown as CodeInstance, state };
}

const never = new AbortController().signal;
const named = (lease: unknown): string => (lease as { name: string }).name;

test("a call waits for the code of the last save before it, and is served at once when that is there", async () => {
  const t = setup();
  t.code.refresh();
  const first = instance("one");
  (await t.build(0)).done(first.made);
  await t.code.settled();
  expect(named(t.code.instances.tryAcquire("any"))).toBe("one");
  t.save();
  expect(t.code.instances.tryAcquire("any")).toBeUndefined();
  const waiting = t.code.instances.acquire("any", never);
  t.pass(40);
  const second = instance("two");
  (await t.build(1)).done(second.made);
  expect(await waiting).toMatchObject({ name: "two", coldStart: { totalMs: 40 } });
  expect(first.state.retired).toBe(1);
  expect(t.told).toEqual(["ready 0", "ready 40"]);
});

test("a newer save ends the work on an older one; only the last is built to its end", async () => {
  const t = setup();
  t.code.refresh();
  (await t.build(0)).done(instance("one").made);
  await t.code.settled();
  t.save();
  const stale = await t.build(1);
  t.save();
  expect(stale.signal.aborted).toBe(true);
  const last = await t.build(2);
  expect(last.version).toBe(3);
  last.done(instance("three").made);
  expect(named(await t.code.instances.acquire("any", never))).toBe("three");
  expect(t.told).toHaveLength(2);
});

test("saves without end do not keep a call waiting for ever: in the end one state is built, whatever comes after it", async () => {
  const t = setup();
  t.code.refresh();
  const waiting = t.code.instances.acquire("any", never);
  for (let i = 0; i < 10; i++) {
    const { signal } = await t.build(i);
    t.pass(400);
    t.save();
    if (!signal.aborted) break;
  }
  const patient = t.builds.at(-1) as (typeof t.builds)[number];
  expect(patient.signal.aborted).toBe(false);
  patient.done(instance("some").made);
  expect(named(await waiting)).toBe("some");
});

test("code that failed half written while saves go on without end is no failure either, but for one that goes on as well", async () => {
  const t = setup();
  t.code.refresh();
  const waiting = t.code.instances.acquire("any", never);
  let i = 0;
  /** The first build that no save ends. */
  const patient = async (): Promise<(typeof t.builds)[number]> => {
    for (;;) {
      const build = await t.build(i++);
      t.pass(400);
      t.save();
      if (!build.signal.aborted) return build;
    }
  };
  const failure = new PlatformError("load_failed", "the file is empty");
  for (let fails = 0; fails < 3; fails++) (await patient()).done(failure);
  (await patient()).done(instance("whole").made);
  expect(named(await waiting)).toBe("whole");

  t.save();
  const again = t.code.instances.acquire("any", never);
  for (let fails = 0; fails < 4; fails++) (await patient()).done(failure);
  await expect(again).rejects.toMatchObject({ code: "load_failed" });
  expect(t.told.map((line) => line.split(" ")[0])).toEqual(["ready", "failed"]);
});

test("a failure is told once and given to every call, until the next save; the code before it is retired", async () => {
  const t = setup();
  t.code.refresh();
  const first = instance("one");
  (await t.build(0)).done(first.made);
  await t.code.settled();
  t.save();
  const calls = [1, 2, 3].map(() => t.code.instances.acquire("any", never));
  (await t.build(1)).done(new PlatformError("build_failed", "it does not build"));
  for (const call of calls) await expect(call).rejects.toMatchObject({ code: "build_failed" });
  await expect(t.code.instances.acquire("any", never)).rejects.toMatchObject({ code: "build_failed" });
  expect(first.state.retired).toBe(1);
  expect(t.told).toEqual(["ready 0", "failed build_failed"]);
  expect(t.builds).toHaveLength(2);
});

test("code whose process is gone is started again for the next call, and not before one", async () => {
  const t = setup();
  t.code.refresh();
  const first = instance("one");
  (await t.build(0)).done(first.made);
  await t.code.settled();
  first.state.usable = false;
  t.code.refresh();
  expect(t.builds).toHaveLength(1);
  const waiting = t.code.instances.acquire("any", never);
  (await t.build(1)).done(instance("again").made);
  expect(named(await waiting)).toBe("again");
});

test("code that ends as soon as it has loaded is given up after a few tries", async () => {
  const t = setup();
  const waiting = t.code.instances.acquire("any", never);
  waiting.catch(() => {});
  for (let i = 0; i <= 3; i++) {
    const short = instance("short");
    short.state.usable = false;
    (await t.build(i)).done(short.made);
  }
  await expect(waiting).rejects.toMatchObject({ code: "crash_loop" });
});

test("a caller that goes away gives its place back; the others are served", async () => {
  const t = setup();
  const leaving = new AbortController();
  const gone = t.code.instances.acquire("any", leaving.signal);
  const staying = t.code.instances.acquire("any", never);
  leaving.abort(new Error("the caller went away"));
  await expect(gone).rejects.toThrow("the caller went away");
  (await t.build(0)).done(instance("one").made);
  expect(named(await staying)).toBe("one");
});

test("code that failed because it was half written is no failure: the save that completed it is looked for", async () => {
  const t = setup();
  const waiting = t.code.instances.acquire("any", never);
  const half = await t.build(0);
  t.saveUnseen();
  half.done(new PlatformError("load_failed", "the file is empty"));
  (await t.build(1)).done(instance("whole").made);
  expect(named(await waiting)).toBe("whole");
  expect(t.told).toEqual(["ready 0"]);
});
