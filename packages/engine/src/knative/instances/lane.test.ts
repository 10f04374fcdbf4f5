import { PlatformError } from "@hanzo-fn/contract";
import { createFakeClock, settle } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import type { Lease } from "../../engine.ts";
import type { Backend } from "./endpoints.ts";
import { RevisionLane } from "./lane.ts";
import type { RevisionFacts } from "./revision-facts.ts";

const FACTS: RevisionFacts = {
  namespace: "fns",
  name: "f-00001",
  function: "f",
  number: 1,
  concurrency: 10,
  exact: false,
  gpu: false,
  memory: "256Mi",
};
const LINES = "Knative-Serving-Namespace: fns\r\nKnative-Serving-Revision: f-00001\r\n";
const ACTIVATOR: Backend = { host: "10.0.0.1", port: 8012, pod: "activator-1" };
const OTHER_ACTIVATOR: Backend = { host: "10.0.0.2", port: 8012, pod: "activator-2" };
const POD_A: Backend = { host: "10.1.0.1", port: 8012, pod: "a" };
const POD_B: Backend = { host: "10.1.0.2", port: 8012, pod: "b" };
const signal = new AbortController().signal;

function world(facts: Partial<RevisionFacts> = {}, queueDepth = 2) {
  const clock = createFakeClock();
  const asked: (string | undefined)[] = [];
  const lane = new RevisionLane(
    { ...FACTS, ...facts },
    {
      clock,
      options: { queueDepth, queueTimeoutMs: 30_000, waitBudgetMs: 60_000, suspectMs: 3000 },
      diagnose: (_, pod) => {
        asked.push(pod);
        return Promise.resolve(new PlatformError("upstream_unreachable", "it is not there"));
      },
    },
  );
  return { clock, lane, asked };
}

function hostOf(lease: Lease | undefined): string | undefined {
  const address = lease?.target.address;
  return address?.kind === "tcp" ? `${address.host}:${address.port}` : undefined;
}

function refusedConnection(): Error {
  return Object.assign(new Error("connect ECONNREFUSED"), { syscall: "connect", code: "ECONNREFUSED" });
}

describe("where a call goes", () => {
  it.each<[string, Partial<RevisionFacts>, Backend[], Backend[], string | undefined]>([
    ["to the activator while there is no pod", {}, [], [ACTIVATOR], "10.0.0.1:8012"],
    ["to a pod where there is one", {}, [POD_A], [ACTIVATOR], "10.1.0.1:8012"],
    [
      "to the activator where it queues exactly, pods or not",
      { exact: true },
      [POD_A],
      [ACTIVATOR],
      "10.0.0.1:8012",
    ],
    ["to a pod where no activator is known", { exact: true }, [POD_A], [], "10.1.0.1:8012"],
    ["nowhere while there is neither", {}, [], [], undefined],
  ])("%s", (_, facts, pods, activators, host) => {
    const { lane } = world(facts);
    lane.activators(activators);
    lane.pods(pods);
    expect(hostOf(lane.tryAcquire())).toBe(host);
  });

  it("names the revision to the activator, and the instance where we chose it", () => {
    const { lane } = world();
    lane.activators([ACTIVATOR]);
    expect(lane.tryAcquire()?.target).toMatchObject({ instance: "", lines: LINES });
    lane.pods([POD_A]);
    expect(lane.tryAcquire()?.target).toMatchObject({ instance: "fn-a", lines: undefined });
  });

  it("is the pod with the least to do, and the activator once every pod is at its limit", () => {
    const { lane } = world({ concurrency: 2 });
    lane.activators([ACTIVATOR]);
    lane.pods([POD_A, POD_B]);
    const leases = Array.from({ length: 5 }, () => lane.tryAcquire());
    expect(leases.slice(0, 2).map(hostOf).toSorted()).toEqual(["10.1.0.1:8012", "10.1.0.2:8012"]);
    expect(leases.slice(2, 4).map(hostOf).toSorted()).toEqual(["10.1.0.1:8012", "10.1.0.2:8012"]);
    expect(hostOf(leases[4])).toBe("10.0.0.1:8012");
    leases[0]?.release();
    expect(hostOf(lane.tryAcquire())).toBe(hostOf(leases[0]));
  });

  it("keeps the object of a pod while the pod is there, so that its connections stay", () => {
    const { lane } = world();
    lane.pods([POD_A]);
    const first = lane.tryAcquire()?.target;
    lane.pods([POD_A, POD_B]);
    expect(lane.tryAcquire()?.target).not.toBe(first);
    expect([lane.tryAcquire()?.target, lane.tryAcquire()?.target]).toContain(first);
  });

  it("spreads over the activators that the public Service names", () => {
    const { lane } = world();
    lane.activators([ACTIVATOR, OTHER_ACTIVATOR]);
    const both = [lane.tryAcquire(), lane.tryAcquire()];
    expect(both.map(hostOf).toSorted()).toEqual(["10.0.0.1:8012", "10.0.0.2:8012"]);
    for (const lease of both) lease?.release();
    lane.named([{ ...OTHER_ACTIVATOR, pod: "" }]);
    expect([lane.tryAcquire(), lane.tryAcquire()].map(hostOf)).toEqual(["10.0.0.2:8012", "10.0.0.2:8012"]);
  });
});

describe("a pod that leaves", () => {
  it("is gone at once for new calls, while those that it has are released as ever", () => {
    const { lane } = world();
    lane.pods([POD_A, POD_B]);
    const leases = [lane.tryAcquire(), lane.tryAcquire()] as Lease[];
    const leaving = leases.find((lease) => hostOf(lease) === "10.1.0.1:8012") as Lease;
    lane.pods([POD_B]);
    expect(leaving.target.gone.aborted).toBe(true);
    expect(leases.filter((lease) => lease.target.gone.aborted)).toHaveLength(1);
    for (const lease of leases) lease.release();
    expect(hostOf(lane.tryAcquire())).toBe("10.1.0.2:8012");
  });

  it("is another instance where its address comes back under another name", () => {
    const { lane } = world();
    lane.pods([POD_A]);
    const before = lane.tryAcquire();
    lane.pods([{ ...POD_A, pod: "c" }]);
    expect(before?.target.gone.aborted).toBe(true);
    expect(lane.tryAcquire()?.target.instance).toBe("fn-c");
  });

  it("before the cluster says so takes no connection, and is left alone for a while", async () => {
    const { lane, clock, asked } = world();
    lane.pods([POD_A, POD_B]);
    const dead = lane.tryAcquire() as Lease;
    const other = hostOf(dead) === "10.1.0.1:8012" ? "10.1.0.2:8012" : "10.1.0.1:8012";
    await dead.diagnose(refusedConnection());
    dead.release();
    const next = Array.from({ length: 3 }, () => lane.tryAcquire());
    expect(next.map(hostOf)).toEqual([other, other, other]);
    expect(asked).toHaveLength(1);
    await clock.advance(3000);
    expect(hostOf(lane.tryAcquire())).toBe(hostOf(dead));
  });
});

describe("waiting", () => {
  it("is ended by a pod that comes, and counts as a cold start", async () => {
    const { lane, clock } = world();
    const waiting = lane.acquire(signal);
    await clock.advance(1200);
    lane.pods([POD_A]);
    const lease = await waiting;
    expect(lease.coldStart).toEqual({ totalMs: 1200, phasesMs: { queue: 1200 } });
    expect(lane.waiting).toBe(0);
  });

  it("is ended by a slot that comes free, in order of arrival, and is no cold start", async () => {
    const { lane } = world({ concurrency: 1 });
    lane.pods([POD_A]);
    const running = lane.tryAcquire();
    const order: string[] = [];
    const first = lane.acquire(signal).then((lease) => (order.push("first"), lease));
    const second = lane.acquire(signal).then((lease) => (order.push("second"), lease));
    running?.release();
    const lease = await first;
    expect(lease.coldStart).toBeUndefined();
    lease.release();
    await second;
    expect(order).toEqual(["first", "second"]);
  });

  it("is ended by an activator that comes", async () => {
    const { lane } = world();
    const waiting = lane.acquire(signal);
    lane.activators([ACTIVATOR]);
    expect(hostOf(await waiting)).toBe("10.0.0.1:8012");
  });

  it("is refused where as many wait as may, here", async () => {
    const { lane } = world();
    void lane.acquire(signal).catch(() => {});
    void lane.acquire(signal).catch(() => {});
    await expect(lane.acquire(signal)).rejects.toMatchObject({ code: "no_capacity", retryAfterSeconds: 1 });
  });

  it("is refused where as many wait as may, behind the activator", async () => {
    const { lane } = world();
    lane.activators([ACTIVATOR]);
    const leases = [lane.tryAcquire(), lane.tryAcquire()];
    expect(lane.tryAcquire()).toBeUndefined();
    await expect(lane.acquire(signal)).rejects.toMatchObject({ code: "no_capacity" });
    leases[0]?.release();
    expect(lane.tryAcquire()).toBeDefined();
  });

  it("behind the activator is not what runs, where everything goes there", () => {
    const { lane } = world({ exact: true, concurrency: 1 });
    lane.activators([ACTIVATOR]);
    lane.pods([POD_A, POD_B]);
    const leases = Array.from({ length: 5 }, () => lane.tryAcquire());
    expect(leases.map((lease) => lease !== undefined)).toEqual([true, true, true, true, false]);
  });

  it("ends after its time", async () => {
    const { lane, clock } = world();
    const waiting = expect(lane.acquire(signal)).rejects.toMatchObject({ code: "queue_timeout" });
    await settle();
    await clock.advance(30_000);
    await waiting;
  });

  it("ends when the caller goes, and gives the place back", async () => {
    const { lane } = world({}, 1);
    const caller = new AbortController();
    const waiting = lane.acquire(caller.signal);
    caller.abort(new Error("gone"));
    await expect(waiting).rejects.toThrow("gone");
    expect(lane.waiting).toBe(0);
  });

  it("ends when the revision is taken out of the cluster, and later calls are told the same", async () => {
    const { lane } = world();
    const waiting = lane.acquire(signal);
    lane.end();
    await expect(waiting).rejects.toMatchObject({ code: "draining" });
    await expect(lane.acquire(signal)).rejects.toMatchObject({ code: "draining" });
  });
});

describe("a lease", () => {
  const answer = (status: number, fields: Record<string, string> = {}) => ({
    status,
    field: (name: string) => fields[name],
  });

  it("through the activator learns the instance and its cold start from the answer", async () => {
    const { lane, clock } = world();
    lane.activators([ACTIVATOR]);
    const lease = lane.tryAcquire() as Lease;
    expect(lease.waitBudgetMs).toBe(60_000);
    await clock.advance(1000);
    const head = answer(200, {
      "x-function-instance": "fn-f-00001-deployment-x",
      "x-function-cold-start": "boot=300.0, load=100.0",
      "x-function-duration-ms": "50.0",
    });
    expect(lease.answered?.(head)).toBe(true);
    expect(lease.instance).toBe("fn-f-00001-deployment-x");
    expect(lease.coldStart).toEqual({ totalMs: 950, phasesMs: { queue: 550, boot: 300, load: 100 } });
    expect(lease.waitedMs).toBe(950);
  });

  it("of a pod that we chose is warm, though the process answers for the first time", () => {
    const { lane } = world();
    lane.pods([POD_A]);
    const lease = lane.tryAcquire() as Lease;
    const head = answer(200, { "x-function-instance": "fn-a", "x-function-cold-start": "boot=1, load=1" });
    expect(lease.answered?.(head)).toBe(true);
    expect(lease).toMatchObject({ coldStart: undefined, waitedMs: 0, waitBudgetMs: undefined });
  });

  it.each<[string, number, Record<string, string>, boolean]>([
    ["the function's own", 200, {}, true],
    ["the function's own, an error", 503, { "x-function-instance": "fn-a" }, true],
    ["the function's own, of a status that Knative has none of", 429, {}, true],
    ["Knative's: no room in its queue", 503, {}, false],
    ["Knative's: no connection to the container", 502, {}, false],
    ["Knative's: out of time", 504, {}, false],
  ])("knows an answer that is %s", (_, status, fields, own) => {
    const { lane } = world();
    lane.pods([POD_A]);
    expect(lane.tryAcquire()?.answered?.(answer(status, fields))).toBe(own);
  });

  it("is released once, however often it is said", () => {
    const { lane } = world({ concurrency: 1 });
    lane.pods([POD_A]);
    const lease = lane.tryAcquire() as Lease;
    lease.release();
    lease[Symbol.dispose]();
    expect(lane.tryAcquire()).toBeDefined();
    expect(lane.tryAcquire()).toBeUndefined();
  });
});
