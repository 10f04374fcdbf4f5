import { randomUUID } from "node:crypto";
import type { Blobs } from "@hanzo-fn/blobs";
import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { Settlement, Store, TaskTypes } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Budget } from "../delivery/budget.ts";
import { createDelivery, type Delivery } from "../delivery/deliver.ts";
import { createTaskCalls, type TaskCallDependencies } from "./call.ts";
import { createClaims, type Lane, laneKey } from "./claims.ts";
import { createGroupCommit, type GroupLimits } from "../group-commit.ts";
import { createPace } from "../pace.ts";
import { createHousekeeping } from "./housekeeping.ts";
import type { TaskObserver } from "./observer.ts";
import { taskDelivery, type TaskSettings } from "./settings.ts";
import type { TaskSignals } from "./signals.ts";
import { createTaskSource, type TaskSource } from "./source.ts";
import { createTaskOutcomes, type TaskOutcomes } from "./outcomes.ts";
import type { DestinationDependencies } from "../destinations.ts";

export interface TaskRunnerDependencies extends Pick<DestinationDependencies, "publishers"> {
  readonly store: Pick<Store, "functions" | "tasks" | "taskCallbacks" | "onTaskCancelled" | "onChange">;
  readonly blobs: Blobs;
  readonly invoke: TaskCallDependencies["invoke"];
  readonly budget: Budget;
  readonly signals: TaskSignals;
  readonly clock: Clock;
  readonly log: Logger;
  readonly observer: TaskObserver;
}

export interface TaskRunnerOptions extends TaskSettings {
  /** No other process uses this database: whoever held leases when this one starts is gone. */
  readonly alone: boolean;
  /** How long a claimed task is held without a word. Default 30 s. */
  readonly leaseMs?: number | undefined;
  /** How often is looked for what nobody announced. Default 1 s. */
  readonly pollMs?: number | undefined;
}

/** Runs the tasks of all functions. */
export interface TaskRunner extends Service {
  /** A task of this function waits. */
  wake(org: string, functionName: string): void;
}

interface Running {
  readonly lane: Lane;
  readonly source: TaskSource;
  readonly delivery: Delivery;
  readonly outcomes: TaskOutcomes;
  /** When it was last seen with work. */
  busyAtMs: number;
}

const LEASE_MS = 30_000;
const POLL_MS = 1000;
/** A delivery without work is put away after this; what it learned of its function goes with it. */
const IDLE_MS = 10_000;
const LOG_EVERY = 60;
const LANES_PER_PAGE = 200;
/** Under load, of those that claim and of those that settle. */
const STATEMENTS_EVERY_MS = 5;
/** Answers of up to 256 KiB are part of their settlements. */
const SETTLE_AT_ONCE: GroupLimits<Settlement<TaskTypes>> = {
  items: 200,
  size: { bytes: 4 * 1024 * 1024, of: ({ outcome }) => outcome?.result?.length ?? 0 },
};

/**
 * One delivery loop per function that has tasks, made when the first one waits and put away when none is left. A task
 * is started by the signal of its acceptance; a look at the database every second finds what other processes
 * accepted, what was to be tried again, and what a crash left behind.
 */
export function createTaskRunner(deps: TaskRunnerDependencies, options: TaskRunnerOptions): TaskRunner {
  const { store, clock, log, budget, signals } = deps;
  const { leaseMs = LEASE_MS, pollMs = POLL_MS } = options;
  const { tasks } = store;
  const stopping = new AbortController();
  const lanes = new Map<string, Running>();
  const claims = createClaims({
    ...{ tasks, leaseMs },
    owner: `tasks:${randomUUID()}`,
    pace: createPace(clock, STATEMENTS_EVERY_MS),
  });
  const settle = createGroupCommit(tasks.settle, SETTLE_AT_ONCE, createPace(clock, STATEMENTS_EVERY_MS));
  const invoke = createTaskCalls(deps, options);
  const housekeeping = createHousekeeping(deps, options);
  /** Until it starts nothing is taken up: what is accepted meanwhile is found by the first look. */
  let polling: Promise<void> | undefined;

  const open = (lane: Lane): Running => {
    const outcomes = createTaskOutcomes(deps, lane);
    const source = createTaskSource({
      ...{ tasks, settle, leaseMs, failed: outcomes.failed },
      claims: claims.of(lane),
      onEnded: (row, state) => {
        signals.tell(row.id);
        deps.observer.ended(row, state);
      },
    });
    const delivery = createDelivery(
      `tasks of ${laneKey(lane)}`,
      {
        ...{ source, invoke, budget, clock, log },
        park: source.park,
        succeeded: outcomes.succeeded,
        ready: () => undefined,
        observer: { call: () => {}, parked: () => {} },
      },
      taskDelivery(options),
    );
    const running = { lane, source, delivery, outcomes, busyAtMs: clock.monotonic() };
    lanes.set(laneKey(lane), running);
    void delivery.start(stopping.signal);
    return running;
  };
  const wake = (lane: Lane): void => {
    if (polling === undefined || stopping.signal.aborted) return;
    const running = lanes.get(laneKey(lane)) ?? open(lane);
    running.busyAtMs = clock.monotonic();
    claims.wake(lane);
  };
  const putAway = async (): Promise<void> => {
    const now = clock.monotonic();
    const idle = [...lanes.values()].filter((running) => {
      if (running.delivery.held > 0 || !claims.isQuiet(running.lane)) running.busyAtMs = now;
      return now - running.busyAtMs >= IDLE_MS;
    });
    for (const { lane } of idle) lanes.delete(laneKey(lane));
    await Promise.all(idle.map(({ delivery }) => delivery.stop(0)));
  };
  /** What took no calls may take them now: what was learned of it is forgotten, and the next look begins anew. */
  const reopen = (lane: Lane): void => {
    const running = lanes.get(laneKey(lane));
    running?.outcomes.changed();
    // A probe that is under way says more than the change.
    if (running?.delivery.blocked === undefined || running.delivery.held > 0) return;
    lanes.delete(laneKey(lane));
    void running.delivery.stop(0);
  };
  const lookForWork = async (): Promise<void> => {
    let after: Lane | undefined;
    for (;;) {
      const found = await tasks.lanes(LANES_PER_PAGE, after);
      for (const { lane, waitedMs } of found) if (waitedMs >= 0) wake(lane);
      if (found.length < LANES_PER_PAGE || stopping.signal.aborted) return;
      after = found.at(-1)?.lane;
    }
  };
  const poll = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        await lookForWork();
        await housekeeping.tick(stopping.signal);
        await putAway();
        failures = 0;
      } catch (error) {
        failures += 1;
        // Once a minute while the database is away.
        const isNews = failures % LOG_EVERY === 1 && !stopping.signal.aborted;
        if (isNews) log.warn("tasks could not be looked for", { error, failures });
      }
      await clock.sleep(pollMs, stopping.signal).catch(() => {});
    }
  };

  return {
    name: "tasks",
    async start() {
      if (options.alone) {
        const left = await tasks.endLeases();
        if (left > 0) log.info("tasks were running when the platform ended", { tasks: left });
      }
      store.onTaskCancelled((id) => {
        for (const { source } of lanes.values()) source.cancelled(id);
        signals.tell(id);
      }, stopping.signal);
      store.onChange(
        { onChange: (org, functionName) => reopen({ org, function: functionName }), onResync: () => {} },
        stopping.signal,
      );
      polling = poll();
    },
    async stop(graceMs) {
      stopping.abort(new Error("the tasks are stopping"));
      await Promise.all([polling, ...[...lanes.values()].map(({ delivery }) => delivery.stop(graceMs))]);
      lanes.clear();
    },
    wake: (org, functionName) => wake({ org, function: functionName }),
  };
}
