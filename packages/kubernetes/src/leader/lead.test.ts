import { createFakeClock, recordingLog, settle } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { statusError } from "../http/errors.ts";
import type { ObjectCalls } from "../object-calls.ts";
import { leadWhile } from "./lead.ts";
import type { Lease } from "./lease.ts";

type Calls = Pick<ObjectCalls, "get" | "create" | "replace">;
const target = { verb: "test", what: "Lease system/platform" };

/** One lease, with optimistic versions; a candidate that is cut off gets no answer any more. */
function fakeLeases() {
  let lease: Lease | undefined;
  let version = 0;
  const cutOff = new Set<string>();
  const store = (next: Lease): Lease => {
    version += 1;
    lease = { ...next, metadata: { ...next.metadata, resourceVersion: String(version) } };
    return lease;
  };
  const conflict = () => statusError(target, { code: 409, reason: "Conflict", message: "it changed" });
  const callsOf = (identity: string): Calls => {
    const answer = <T>(run: () => T): Promise<T> =>
      cutOff.has(identity) ? new Promise<T>(() => {}) : settle().then(run);
    return {
      get: (() =>
        answer(() => {
          if (!lease) throw statusError(target, { code: 404, message: "none" });
          return lease;
        })) as Calls["get"],
      create: ((_: unknown, next: Lease) =>
        answer(() => {
          if (lease) throw conflict();
          return store(next);
        })) as Calls["create"],
      replace: ((_: unknown, next: Lease) =>
        answer(() => {
          if (next.metadata.resourceVersion !== lease?.metadata.resourceVersion) throw conflict();
          return store(next);
        })) as Calls["replace"],
    };
  };
  return { callsOf, cutOff, lease: () => lease };
}

function election() {
  const clock = createFakeClock();
  const leases = fakeLeases();
  const leading = new Set<string>();
  const history: string[] = [];
  let most = 0;
  const run = (identity: string, begin: () => void = () => {}) => {
    const ending = new AbortController();
    const work = (signal: AbortSignal): Promise<void> => {
      leading.add(identity);
      most = Math.max(most, leading.size);
      history.push(`${identity} leads @${clock.monotonic()}`);
      begin();
      return new Promise((resolve) => {
        signal.addEventListener("abort", () => {
          leading.delete(identity);
          history.push(`${identity} stops @${clock.monotonic()}`);
          resolve();
        });
      });
    };
    const deps = { kubernetes: leases.callsOf(identity), clock, log: recordingLog() };
    const done = leadWhile(deps, { namespace: "system", name: "platform", identity }, work, ending.signal);
    return { stop: () => (ending.abort(), done) };
  };
  return { clock, leases, leading, history, run, most: () => most };
}

/** `advance` lets only so much run after each step; answers of the fake take a turn of their own. */
async function pass(clock: ReturnType<typeof createFakeClock>, ms: number): Promise<void> {
  for (let done = 0; done < ms; done += 250) {
    await clock.advance(250);
    for (let turn = 0; turn < 8; turn++) await settle();
  }
}

it("of several candidates one leads, and goes on leading while it renews", async () => {
  const { clock, run, leading, history, most } = election();
  for (const identity of ["a", "b", "c"]) run(identity);
  await pass(clock, 120_000);
  expect(leading.size).toBe(1);
  expect(history).toHaveLength(1);
  expect(most()).toBe(1);
});

it("a leader that is cut off steps down before another one begins", async () => {
  const { clock, run, leases, leading, history, most } = election();
  run("a");
  await pass(clock, 5000);
  run("b");
  await pass(clock, 5000);
  expect([...leading]).toEqual(["a"]);
  const cutAt = clock.monotonic();
  leases.cutOff.add("a");
  await pass(clock, 30_000);
  expect([...leading]).toEqual(["b"]);
  const [, stopped, next] = history.map((line) => Number(line.split("@")[1]));
  expect(stopped! - cutAt).toBeLessThanOrEqual(10_000);
  expect(next! - stopped!).toBeGreaterThanOrEqual(3000);
  expect(most()).toBe(1);
  leases.cutOff.delete("a");
  await pass(clock, 30_000);
  expect([...leading]).toEqual(["b"]);
});

it("a leader that stops gives the lease up, and the next one begins at once", async () => {
  const { clock, run, leading, history, leases } = election();
  const a = run("a");
  await pass(clock, 3000);
  run("b");
  await pass(clock, 3000);
  const stoppedAt = clock.monotonic();
  void a.stop();
  await pass(clock, 3000);
  expect([...leading]).toEqual(["b"]);
  expect(Number(history.at(-1)!.split("@")[1]) - stoppedAt).toBeLessThanOrEqual(2500);
  expect(leases.lease()?.spec).toMatchObject({ holderIdentity: "b", leaseTransitions: 1 });
});

it("writes times with microseconds, and its renewals leave the time at which it began", async () => {
  const { clock, run, leases } = election();
  run("a");
  await pass(clock, 9000);
  const { acquireTime, renewTime, ...rest } = leases.lease()!.spec!;
  expect(rest).toEqual({ holderIdentity: "a", leaseDurationSeconds: 15, leaseTransitions: 0 });
  expect(acquireTime).toMatch(/^1970-01-01T00:00:00\.\d{6}Z$/);
  expect(Date.parse(renewTime!)).toBeGreaterThan(Date.parse(acquireTime!));
});

it("work that fails gives the lease up, and is begun again later", async () => {
  const { clock, history, leases } = election();
  const log = recordingLog();
  const ending = new AbortController();
  const work = (): Promise<void> => {
    history.push(`begun @${clock.monotonic()}`);
    return Promise.reject(new Error("a bug"));
  };
  const deps = { kubernetes: leases.callsOf("a"), clock, log };
  const done = leadWhile(deps, { namespace: "system", name: "platform", identity: "a" }, work, ending.signal);
  await pass(clock, 5000);
  expect(history.length).toBeGreaterThanOrEqual(2);
  expect(log.lines.filter(({ level }) => level === "warn")[0]).toMatchObject({
    msg: "the work of a leader failed",
  });
  ending.abort();
  await done;
  expect(leases.lease()?.spec?.holderIdentity).toBe("");
});
