import type { CronTrigger } from "@hanzo-fn/contract";

/** Runs of a trigger that have not ended, by their scheduled times, each ascending. */
export interface Unfinished {
  /** Started, or waiting for another attempt. */
  readonly running: readonly Date[];
  /** Recorded, and not started yet. */
  readonly waiting: readonly Date[];
}

export interface Admission {
  /** To be recorded as waiting. */
  readonly admitted: readonly Date[];
  /** `overlap`: the last run has not ended. `superseded`: a later one takes its place. */
  readonly refused: readonly { readonly scheduledAt: Date; readonly reason: "overlap" | "superseded" }[];
  /** Of `waiting`: a later one takes their place. */
  readonly withdrawn: readonly Date[];
  /** Of `running`: to be ended, for the one that is admitted. */
  readonly cancelled: readonly Date[];
}

type Overlap = CronTrigger["overlap"];

/** Whether a run of the trigger may start only while none runs: what claims a waiting run has to look. */
export function runsAlone(overlap: Overlap): boolean {
  return overlap !== "allow";
}

/** How many waiting runs may stay when one more comes, and how many unfinished ones may be there for it to come. */
function room(overlap: Overlap, running: number): { waiting: number; unfinished: number } {
  const endless = Number.POSITIVE_INFINITY;
  if (overlap === "skip") return { waiting: endless, unfinished: 0 };
  if (overlap === "replace") return { waiting: 0, unfinished: endless };
  // One is the run itself, where none runs.
  if (overlap === "queue_one") return { waiting: running === 0 ? 1 : 0, unfinished: endless };
  return { waiting: endless, unfinished: endless };
}

/**
 * What becomes of times that are due, oldest first, as though each had been decided on when it came:
 * - `skip`: it runs where no other is unfinished,
 * - `queue_one`: one may wait behind the one that runs, and it is the newest,
 * - `queue_all`: they wait, and run one after another,
 * - `allow`: they run side by side,
 * - `replace`: what runs is ended and what waits is dropped.
 */
export function admit(times: readonly Date[], { running, waiting }: Unfinished, overlap: Overlap): Admission {
  const { waiting: mayStay, unfinished } = room(overlap, running.length);
  const line = [...waiting];
  const dropped: Date[] = [];
  const overlapping: Date[] = [];
  for (const time of times) {
    if (running.length + line.length > unfinished) {
      overlapping.push(time);
      continue;
    }
    dropped.push(...line.splice(mayStay));
    line.push(time);
  }
  const superseded = dropped.filter((time) => times.includes(time));
  return {
    admitted: line.filter((time) => times.includes(time)),
    refused: [
      ...overlapping.map((scheduledAt) => ({ scheduledAt, reason: "overlap" as const })),
      ...superseded.map((scheduledAt) => ({ scheduledAt, reason: "superseded" as const })),
    ],
    withdrawn: dropped.filter((time) => !times.includes(time)),
    cancelled: overlap === "replace" && times.length > 0 ? running : [],
  };
}
