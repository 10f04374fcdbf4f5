import { describe, expect, it } from "vitest";
import { Bench, codeOf, refused, responds, send, type EngineUnderTest } from "./conformance-bench.ts";

export type { EngineUnderTest } from "./conformance-bench.ts";

/** Short times, so that a suite of minutes takes seconds; an engine that cannot have them skips what needs them. */
export interface ConformanceTimes {
  /** From the last call to zero instances, at most. */
  readonly toZeroMs: number;
  readonly queueTimeoutMs: number;
  /** Crashes in a row that make a loop. */
  readonly crashThreshold: number;
}

/** What every engine owes the planes above it. `open` gives an engine that serves; each test gets its own function on it. */
export function exerciseEngine(
  name: string,
  setup: { readonly under: () => EngineUnderTest; readonly times: ConformanceTimes },
): void {
  const { times } = setup;
  const open = (): Bench => new Bench(setup.under());

  describe(`${name}: deploying`, () => {
    it("proves the code with one instance and reports the way there", async () => {
      const bench = open();
      await bench.deploy("main");
      const status = await bench.reaches("ready");
      const revision = bench.ref().name;
      expect(bench.states.slice(0, 3)).toEqual([
        `${revision} building`,
        `${revision} starting`,
        `${revision} ready`,
      ]);
      expect(Object.keys(status.phasesMs)).toEqual(["build", "start"]);
      expect(status.instances).toHaveLength(1);
      expect(status.failure).toBeUndefined();
    });

    it("takes the same wish twice without doing anything twice", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.apply();
      const before = await bench.reaches("ready");
      await bench.apply();
      expect(bench.status()?.instances.map(({ instance }) => instance)).toEqual(
        before.instances.map(({ instance }) => instance),
      );
    });

    it("reports code that does not load, with what it logged, and refuses calls with the same", async () => {
      const bench = open();
      await bench.deploy("broken");
      const { failure } = await bench.reaches("failed");
      expect(failure).toMatchObject({
        code: "load_failed",
        message: expect.stringContaining("does not load"),
      });
      expect(failure?.logTail.join("\n")).toContain("a line before the end");
      expect(codeOf(await refused(bench.acquire()))).toBe("load_failed");
    });

    it("reports code that exits while loading", async () => {
      const bench = open();
      await bench.deploy("leaver");
      const { failure } = await bench.reaches("failed");
      expect(failure).toMatchObject({
        code: "load_failed",
        message: expect.stringContaining("exited with code 7"),
      });
      expect(failure?.logTail).toContain("a line before leaving");
    });

    it("kills code that never finishes loading", async () => {
      const bench = open();
      await bench.deploy("endless");
      const { failure, instances } = await bench.reaches("failed");
      expect(failure).toMatchObject({
        code: "load_failed",
        message: expect.stringContaining("did not finish loading"),
      });
      expect(instances).toEqual([]);
    });

    it("lets calls that come before the first instance wait for it", async () => {
      const bench = open();
      await bench.deploy("main");
      expect((await bench.call("/hello")).status).toBe(200);
      expect(bench.status()?.state).toBe("ready");
    });

    it("keeps one revision serving while another fails", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.reaches("ready");
      await bench.deploy("broken", { percent: 0 }, 2);
      await bench.reaches("failed", 2);
      expect((await bench.call("/hello")).status).toBe(200);
    });

    it("does not start a proven revision until it is called", async () => {
      const bench = open();
      await bench.deploy("main", { proven: true });
      expect(await bench.reaches("ready")).toMatchObject({ instances: [] });
      const lease = await bench.acquire();
      expect(lease.coldStart?.totalMs).toBeGreaterThan(0);
      expect(Object.keys(lease.coldStart?.phasesMs ?? {})).toEqual(["queue", "boot", "load"]);
      expect((await send(lease, "/hello")).status).toBe(200);
      lease.release();
    });

    it("takes down a revision that vanishes from the wish, after its calls have ended", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.deploy("main", {}, 2);
      await bench.reaches("ready");
      await bench.reaches("ready", 2);
      const running = await bench.acquire();
      await bench.forget(1);
      expect(bench.status()).toBeUndefined();
      expect((await send(running, "/sleep?ms=300")).status).toBe(200);
      running.release();
      expect(codeOf(await refused(bench.acquire()))).toBe("no_capacity");
      expect((await bench.call("/hello", 2)).status).toBe(200);
    });

    it("removes a function wholly: its instances are gone when remove resolves", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.reaches("ready");
      using lease = await bench.acquire();
      const { gone } = lease.target;
      lease.release();
      await bench.remove();
      expect(gone.aborted).toBe(true);
      await expect(send(lease, "/hello")).rejects.toThrow();
    });
  });

  describe(`${name}: calling`, () => {
    it("gives the function its identity and its environment", async () => {
      const bench = open();
      await bench.deploy("main");
      const { body } = await bench.call("/env");
      expect(body["environment"]).toMatchObject({ GREETING: "hello" });
      const { instance } = await bench.call("/hello");
      expect(instance).toBe(bench.status()?.instances[0]?.instance);
    });

    it("holds the concurrency limit: one call more waits for the first to end", async () => {
      const bench = open();
      await bench.scale({ maxInstances: 1 });
      await bench.deploy("main", { concurrency: 2 });
      await bench.reaches("ready");
      const leases = [await bench.acquire(), await bench.acquire()];
      expect(bench.engine.instances.tryAcquire(bench.key())).toBeUndefined();
      const third = bench.acquire();
      leases[0]?.release();
      const granted = await third;
      expect(granted.coldStart).toBeUndefined();
      for (const lease of [leases[1], granted]) lease?.release();
    });

    it("serves those who wait in their order", async () => {
      const bench = open();
      await bench.scale({ maxInstances: 1 });
      await bench.deploy("main", { concurrency: 1 });
      await bench.reaches("ready");
      const order: number[] = [];
      const first = await bench.acquire();
      const waiting = [1, 2, 3].map(async (n) => {
        using _lease = await bench.acquire();
        order.push(n);
      });
      first.release();
      await Promise.all(waiting);
      expect(order).toEqual([1, 2, 3]);
    });

    it("gives up waiting after the queue timeout", async () => {
      const bench = open();
      await bench.scale({ maxInstances: 1 });
      await bench.deploy("main", { concurrency: 1 });
      await bench.reaches("ready");
      using _lease = await bench.acquire();
      const began = performance.now();
      const error = await refused(bench.acquire());
      expect(codeOf(error)).toBe("queue_timeout");
      expect(error.retryAfterSeconds).toBeGreaterThan(0);
      expect(performance.now() - began).toBeGreaterThan(times.queueTimeoutMs * 0.9);
    });

    it("gives a place in the queue back when the caller leaves", async () => {
      const bench = open();
      await bench.scale({ maxInstances: 1 });
      await bench.deploy("main", { concurrency: 1 });
      await bench.reaches("ready");
      const lease = await bench.acquire();
      const leaving = new AbortController();
      const left = bench.engine.instances.acquire(bench.key(), leaving.signal);
      const staying = bench.acquire();
      leaving.abort(new Error("left"));
      await expect(left).rejects.toThrow("left");
      lease.release();
      (await staying).release();
    });

    it("knows no revision that was never wished for", async () => {
      const bench = open();
      expect(bench.engine.instances.tryAcquire(bench.key())).toBeUndefined();
      expect(codeOf(await refused(bench.acquire()))).toBe("no_capacity");
    });
  });

  describe(`${name}: scaling`, () => {
    it("goes to zero when nobody calls, and comes back by a call", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.reaches("ready");
      const first = (await bench.call("/hello")).instance;
      await bench.counts(0, times.toZeroMs + 30_000);
      expect(bench.status()?.state).toBe("ready");
      const second = (await bench.call("/hello")).instance;
      expect(second).not.toBe(first);
    });

    it("starts more under load, never beyond the maximum, and shrinks again", async () => {
      const bench = open();
      await bench.scale({ maxInstances: 3, targetConcurrency: 1 });
      await bench.deploy("main", { concurrency: 1 });
      await bench.reaches("ready");
      const running = await Promise.all([bench.acquire(), bench.acquire(), bench.acquire()]);
      expect(new Set(running.map(({ target }) => target.instance)).size).toBe(3);
      const waiting = Array.from({ length: 6 }, () => bench.call("/hello"));
      expect((await Promise.all(running.map((lease) => send(lease, "/sleep?ms=300")))).length).toBe(3);
      expect(bench.status()?.instances.length).toBe(3);
      for (const lease of running) lease.release();
      const answers = await Promise.all(waiting);
      expect(answers.every(({ status }) => status === 200)).toBe(true);
      await bench.counts(0, times.toZeroMs + 30_000);
    });

    it("starts one instance for many calls that it can take all", async () => {
      const bench = open();
      await bench.deploy("main", { proven: true });
      const answers = await Promise.all(Array.from({ length: 8 }, () => bench.call("/hello")));
      expect(new Set(answers.map(({ instance }) => instance)).size).toBe(1);
    });

    it("keeps a minimum while the revision has traffic, at once when the wish changes", async () => {
      const bench = open();
      await bench.deploy("main", { proven: true });
      await bench.scale({ minInstances: 2 });
      await bench.counts(2);
      expect(bench.status()?.state).toBe("ready");
      await bench.deploy("main", { proven: true, percent: 0 });
      await bench.counts(0, times.toZeroMs + 30_000);
    });
  });

  describe(`${name}: breaking`, () => {
    it("replaces an instance that exits, and says how it ended", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.reaches("ready");
      const error = await bench.breaks("/exit?code=3");
      expect(error.code).toBe("instance_exited");
      expect(error.message).toContain("exited with code 3");
      expect(error.message).toContain("about to exit");
      expect((await bench.call("/hello")).status).toBe(200);
    });

    it("says when memory was the cause, and serves the next call", async () => {
      const bench = open();
      await bench.deploy("main", { memoryBytes: 160 * 1024 * 1024 });
      await bench.reaches("ready");
      expect((await bench.breaks("/eat")).code).toBe("out_of_memory");
      expect((await bench.call("/hello")).status).toBe(200);
      expect(bench.status()?.failure).toMatchObject({ code: "out_of_memory" });
    });

    it("delays starts in a crash loop, says so, and recovers", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.reaches("ready");
      for (let i = 0; i < times.crashThreshold; i++) await bench.breaks("/exit?code=9");
      const error = await refused(bench.acquire());
      expect(error.code).toBe("crash_loop");
      expect(error.retryAfterSeconds).toBeGreaterThan(0);
      expect(error.message).toContain("about to exit");
      expect(bench.status()).toMatchObject({ state: "ready", failure: { code: "crash_loop" } });
      const answers = async (): Promise<number> => {
        try {
          return (await bench.call("/hello")).status;
        } catch {
          return 0;
        }
      };
      await expect.poll(answers, { interval: 50 }).toBe(200);
    });
  });

  describe(`${name}: deadlines`, () => {
    it("lets the neighbours of an overrun call finish, then replaces the instance", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.reaches("ready");
      using hanging = await bench.acquire();
      void send(hanging, "/sleep?ms=60000").catch(() => undefined);
      const neighbours = [await bench.acquire(), await bench.acquire(), await bench.acquire()];
      expect(bench.status()?.instances[0]?.inFlight).toBe(4);
      hanging.expire();
      const other = await bench.acquire();
      expect(other.target.instance).not.toBe(hanging.target.instance);
      other.release();
      const answers = await Promise.all(neighbours.map((lease) => send(lease, "/sleep?ms=400")));
      for (const { status } of answers) expect(status).toBe(200);
      for (const lease of neighbours) lease.release();
      await expect.poll(() => hanging.target.gone.aborted).toBe(true);
      hanging.release();
    });

    it("kills an instance whose event loop does not answer, and tells its neighbours so", async () => {
      const bench = open();
      await bench.deploy("main");
      await bench.reaches("ready");
      using spinning = await bench.acquire();
      using neighbour = await bench.acquire();
      const waiting = send(neighbour, "/sleep?ms=600000").then(
        () => "answered",
        () => "broke",
      );
      await expect.poll(() => bench.status()?.instances[0]?.inFlight).toBe(2);
      void send(spinning, "/spin?ms=600000").catch(() => undefined);
      await expect.poll(() => responds(neighbour), { interval: 20 }).toBe(false);
      spinning.expire();
      expect(await waiting).toBe("broke");
      expect((await neighbour.diagnose()).code).toBe("instance_killed");
      expect((await bench.call("/hello")).status).toBe(200);
    });

    it("calls a broken connection to a living instance unreachable", async () => {
      const bench = open();
      await bench.deploy("main");
      using lease = await bench.acquire();
      expect((await lease.diagnose()).code).toBe("upstream_unreachable");
    });
  });
}
