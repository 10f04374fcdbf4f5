import { seeded } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { type CronPolicy, dueFires } from "./due-fires.ts";
import { firesBetween, nextFire } from "./next-fire.ts";
import { createSchedules } from "./schedules.ts";

const schedules = createSchedules();

interface Played {
  /** How often each time was decided on, by its milliseconds. */
  readonly decided: ReadonlyMap<number, number>;
  readonly expected: readonly number[];
  readonly mostUnfinished: number;
}

/** Three hours around a shift of Berlin's clock: ticks that come when they like, runs that end when they like. */
function play(expression: string, policy: CronPolicy, seed: number): Played {
  const random = seeded(seed);
  const schedule = schedules.read(expression, "Europe/Berlin");
  const begin = new Date(Date.UTC(2026, 9, 24, 23));
  const decided = new Map<number, number>();
  let running: Date[] = [];
  let waiting: Date[] = [];
  let nextFireAt = nextFire(schedule, begin);
  let lastScheduledAt: Date | undefined;
  let mostUnfinished = 0;
  let now = begin.getTime();
  let latest = now;
  while (latest < begin.getTime() + 3 * 3_600_000 && nextFireAt !== undefined) {
    // Now and then a clock goes back, and now and then nobody is there for a while.
    now += random() < 0.05 ? -5000 : random() < 0.05 ? 900_000 * random() : 8000 * random();
    latest = Math.max(latest, now);
    const due = dueFires(
      { triggerId: "trg_01", schedule, nextFireAt, lastScheduledAt, running, waiting },
      new Date(now),
      policy,
    );
    for (const { scheduledAt } of [...due.fires, ...due.skips])
      decided.set(scheduledAt.getTime(), (decided.get(scheduledAt.getTime()) ?? 0) + 1);
    running = running.filter((run) => !due.cancelled.includes(run) && random() < 0.7);
    waiting = [
      ...waiting.filter((run) => !due.withdrawn.includes(run)),
      ...due.fires.map((fire) => fire.scheduledAt),
    ];
    mostUnfinished = Math.max(mostUnfinished, running.length + waiting.length);
    if (running.length === 0) running = waiting.splice(0, 1);
    ({ nextFireAt, lastScheduledAt } = due);
  }
  const expected = [...firesBetween(schedule, begin, lastScheduledAt ?? begin)].map((fire) => fire.getTime());
  return { decided, expected, mostUnfinished };
}

describe("every time is decided on once, whenever ticks come", () => {
  const overlaps = ["skip", "queue_one", "queue_all", "allow", "replace"] as const;
  it.each(
    overlaps.flatMap((overlap) =>
      (["none", "last", "all"] as const).map((catchup) => ({ overlap, catchup })),
    ),
  )("overlap $overlap, catchup $catchup", ({ overlap, catchup }) => {
    for (const [seed, expression] of [
      "*/10 * * * *",
      "30 2,3 * * *",
      "*/10 * * * * *",
      "@every 45s",
    ].entries()) {
      const policy = { overlap, catchup, catchupWindowMs: 600_000, jitterMs: 0 };
      const { decided, expected, mostUnfinished } = play(expression, policy, seed);
      expect(expected.length).toBeGreaterThan(0);
      expect([...decided.keys()].sort((a, b) => a - b)).toEqual(expected);
      expect(new Set(decided.values())).toEqual(new Set([1]));
      if (overlap === "skip" || overlap === "replace") expect(mostUnfinished).toBeLessThanOrEqual(1);
      if (overlap === "queue_one") expect(mostUnfinished).toBeLessThanOrEqual(2);
    }
  });
});
