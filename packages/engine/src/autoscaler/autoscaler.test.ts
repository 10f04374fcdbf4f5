import { describe, expect, it } from "vitest";
import {
  decide,
  isSettled,
  KNATIVE_DEFAULTS,
  startAutoscaler,
  type AutoscalerConfig,
  type AutoscalerState,
} from "./autoscaler.ts";

const config: AutoscalerConfig = {
  ...KNATIVE_DEFAULTS,
  targetConcurrency: 10,
  scaleDownDelayMs: 0,
  minInstances: 0,
  maxInstances: 100,
};

/** Feeds one sample every `stepMs`; ready follows the last wish at once. Answers the wish after every sample. */
function run(
  samples: readonly number[],
  { stepMs = 2000, ready = 1, over = {} as Partial<AutoscalerConfig>, from = startAutoscaler(0) } = {},
): { wishes: number[]; state: AutoscalerState; ready: number; nowMs: number } {
  const own = { ...config, ...over };
  const wishes: number[] = [];
  let state = from;
  let current = ready;
  let nowMs = from.lastSampleMs;
  for (const concurrency of samples) {
    nowMs += stepMs;
    const decision = decide(own, state, { concurrency, ready: current }, nowMs);
    state = decision.state;
    current = decision.desired;
    wishes.push(decision.desired);
  }
  return { wishes, state, ready: current, nowMs };
}

const repeat = (value: number, times: number): number[] => Array.from({ length: times }, () => value);

describe("the stable window", () => {
  it.each([
    { concurrency: 1, target: 10, want: 1 },
    { concurrency: 10, target: 10, want: 1 },
    { concurrency: 10.5, target: 10, want: 2 },
    { concurrency: 20, target: 10, want: 2 },
    { concurrency: 1, target: 1, want: 1 },
    { concurrency: 3, target: 1, want: 3 },
  ])("wants $want instances for $concurrency calls at target $target", ({ concurrency, target, want }) => {
    const { wishes } = run(repeat(concurrency, 40), { over: { targetConcurrency: target } });
    expect(wishes.at(-1)).toBe(want);
  });

  it("averages over the time seen so far while the window is not full", () => {
    // 2 s of 40 and 2 s of nothing: 20 on average, two instances.
    expect(run([40, 0], { ready: 4 }).wishes).toEqual([4, 2]);
  });

  it("does not ask for one more because of a rounding error", () => {
    const { wishes } = run(repeat(0.1 + 0.2, 10), { over: { targetConcurrency: 0.3 } });
    expect(wishes).toEqual(repeat(1, 10));
  });
});

describe("panic", () => {
  it("begins where six seconds want twice the ready instances", () => {
    const quiet = run(repeat(5, 30));
    const burst = decide(config, quiet.state, { concurrency: 60, ready: 1 }, quiet.nowMs + 2000);
    // 2 of 6 seconds at 60 and 4 at 5 are 23.3: three instances, more than the stable window's one.
    expect(burst.desired).toBe(3);
    expect(burst.state.panicAtMs).toBe(quiet.nowMs + 2000);
  });

  it("does not begin below the threshold", () => {
    const quiet = run(repeat(50, 30), { ready: 5 });
    const more = decide(config, quiet.state, { concurrency: 80, ready: 5 }, quiet.nowMs + 2000);
    expect(more.state.panicAtMs).toBeUndefined();
    expect(more.desired).toBe(6);
  });

  it("never scales down while it lasts, and ends a stable window after the last crossing", () => {
    const burst = run([200, ...repeat(0, 29)]);
    expect(burst.wishes.slice(0, 29)).toEqual(repeat(20, 29));
    const after = run(repeat(0, 3), { from: burst.state, ready: 20 });
    expect(after.wishes.at(-1)).toBeLessThan(20);
  });
});

describe("rates", () => {
  it("goes down by half at most per decision", () => {
    const busy = run(repeat(160, 40), { ready: 16 });
    const idle = run(repeat(0, 40), { from: busy.state, ready: 16 });
    for (const [i, wish] of idle.wishes.entries()) {
      const before = idle.wishes[i - 1] ?? 16;
      expect(wish).toBeGreaterThanOrEqual(Math.floor(before / 2));
    }
    expect(idle.wishes.at(-1)).toBe(0);
  });

  it("goes up by the given factor at most", () => {
    expect(run([10_000], { ready: 2, over: { maxScaleUpRate: 3 } }).wishes).toEqual([6]);
  });
});

describe("bounds", () => {
  it("keeps the minimum without traffic and the maximum under any load", () => {
    expect(run(repeat(0, 100), { over: { minInstances: 2 }, ready: 2 }).wishes.at(-1)).toBe(2);
    expect(run(repeat(10_000, 5), { over: { maxInstances: 7 } }).wishes.at(-1)).toBe(7);
  });
});

describe("zero", () => {
  it("comes a stable window after the start, when nobody called", () => {
    const { wishes } = run(repeat(0, 31));
    expect(wishes.slice(0, 29)).toEqual(repeat(1, 29));
    expect(wishes[29]).toBe(0);
  });

  it("comes when the last call has left the stable window", () => {
    const busy = run(repeat(1, 60));
    const idle = run(repeat(0, 31), { from: busy.state });
    expect(idle.wishes.slice(0, 28)).toEqual(repeat(1, 28));
    expect(idle.wishes[29]).toBe(0);
  });

  it("comes later by the scale-down delay", () => {
    const over = { scaleDownDelayMs: 30_000 };
    const busy = run(repeat(1, 60), { over });
    const idle = run(repeat(0, 50), { from: busy.state, over });
    const zeroAt = idle.wishes.indexOf(0);
    expect(zeroAt).toBe(29 + 15 - 1);
  });

  it("comes later by the grace", () => {
    const { wishes } = run(repeat(0, 50), { over: { zeroGraceMs: 10_000 } });
    expect(wishes.indexOf(0)).toBe(29 + 5);
  });

  it("is not mistaken for a reason to start one", () => {
    expect(run([0], { ready: 0 }).wishes).toEqual([0]);
  });
});

describe("a poke", () => {
  it("from zero wants an instance at once", () => {
    const { desired } = decide(config, startAutoscaler(5000), { concurrency: 1, ready: 0, poke: true }, 5000);
    expect(desired).toBe(1);
  });

  it("from zero with a queue wants enough for all of it", () => {
    const { desired } = decide(
      config,
      startAutoscaler(5000),
      { concurrency: 95, ready: 0, poke: true },
      5000,
    );
    expect(desired).toBe(10);
  });

  it("counts for one second only and leaves the stretch being measured alone", () => {
    const poked = decide(config, startAutoscaler(5000), { concurrency: 30, ready: 0, poke: true }, 5000);
    expect(poked.state.lastSampleMs).toBe(5000);
    const ticked = decide(config, poked.state, { concurrency: 0, ready: 3 }, 7000);
    expect(ticked.state.buckets).toEqual([
      { index: 5, value: 30 },
      { index: 6, value: 0 },
      { index: 7, value: 0 },
    ]);
  });
});

describe("a gap", () => {
  it("longer than the window keeps only the window", () => {
    const { state } = run([5]);
    const after = decide(config, state, { concurrency: 0, ready: 1 }, 1_000_000);
    expect(after.state.buckets).toHaveLength(60);
    expect(after.desired).toBe(0);
  });
});

describe("rest", () => {
  it("begins when no window holds a call and no wish is delayed", () => {
    const idle = run(repeat(0, 29));
    expect(isSettled(config, idle.state, idle.nowMs)).toBe(false);
    const longer = run([0, 0], { from: idle.state });
    expect(isSettled(config, longer.state, longer.nowMs)).toBe(true);
    const busy = run([1], { from: longer.state });
    expect(isSettled(config, busy.state, busy.nowMs)).toBe(false);
  });
});
