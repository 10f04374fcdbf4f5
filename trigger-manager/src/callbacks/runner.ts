import { randomUUID } from "node:crypto";
import { HEADERS } from "@hanzo-fn/contract";
import { backoffDelay, type Backoff, type Clock, runAfter, type Service } from "@hanzo-fn/lifecycle";
import type { Settlement, Store, TaskCallbackRow, TaskCallbackTypes } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { createWaker } from "../waker.ts";
import type { Post } from "./post.ts";
import { signCallback } from "./sign.ts";

export interface CallbackDependencies {
  readonly store: Pick<Store, "taskCallbacks">;
  readonly post: Post;
  /** What is posted: how the task ended, as JSON; undefined where the task is gone. */
  readonly describe: (org: string, taskId: string) => Promise<Buffer | undefined>;
  /** Of the organisation. */
  readonly keyOf: (org: string) => string;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

export interface CallbackOptions {
  readonly attempts: number;
  /** Between deliveries. Default 10 s, then three times as long, at most an hour. */
  readonly backoff?: Backoff | undefined;
  /** No other process uses this database. */
  readonly alone: boolean;
  readonly pollMs?: number | undefined;
}

/** Tells whoever wanted to know how tasks ended. */
export interface CallbackRunner extends Service {
  /** A task with a callback has ended. */
  wake(): void;
}

const BACKOFF: Backoff = { initialMs: 10_000, factor: 3, maxMs: 3_600_000 };
const POLL_MS = 1000;
/** Longer than a delivery may take, so that nothing needs to be renewed. */
const LEASE_MS = 60_000;
/** Of one host, so that one that does not answer leaves room for the others; and of all. */
const PER_HOST = 4;
const AT_ONCE = 64;
const LOG_EVERY = 60;
const HOSTS_PER_PAGE = 200;

type Verdict = Omit<Settlement<TaskCallbackTypes>, "lease">;

function failure(statusCode: number | undefined, message: string): Pick<Verdict, "outcome"> {
  const code = statusCode === undefined ? "unavailable" : `http_${statusCode}`;
  return { outcome: { ...(statusCode === undefined ? {} : { statusCode }), error: { code, message } } };
}

export function createCallbackRunner(deps: CallbackDependencies, options: CallbackOptions): CallbackRunner {
  const { store, post, describe, keyOf, clock, log } = deps;
  const { attempts, backoff = BACKOFF, pollMs = POLL_MS } = options;
  const { taskCallbacks } = store;
  const owner = `callbacks:${randomUUID()}`;
  const stopping = new AbortController();
  const cutting = new AbortController();
  const under = new Set<Promise<void>>();
  const perHost = new Map<string, number>();
  const waker = createWaker(clock);
  let running: Promise<void> | undefined;

  /** After a delivery that may have arrived and did not succeed. */
  const again = (attempt: number): Pick<Verdict, "to" | "delayMs"> =>
    attempt >= attempts ? { to: "failed" } : { to: "queued", delayMs: backoffDelay(backoff, attempt) };
  const deliver = async (row: TaskCallbackRow): Promise<Verdict> => {
    const body = await describe(row.org, row.taskId);
    if (body === undefined) return { to: "failed", counts: true, ...failure(undefined, "the task is gone") };
    const headers = {
      "content-type": "application/json",
      "user-agent": "hanzo-fn",
      "idempotency-key": row.taskId,
      [HEADERS.attempt]: String(row.attempt),
      [HEADERS.signature]: signCallback(keyOf(row.org), body, clock.now()),
    };
    try {
      const { status } = await post(row.url, headers, body, cutting.signal);
      if (status >= 200 && status < 300) {
        return { to: "delivered", counts: true, outcome: { statusCode: status } };
      }
      return { ...again(row.attempt), counts: true, ...failure(status, `the receiver answered ${status}`) };
    } catch (error) {
      if (cutting.signal.aborted) return { to: "queued", counts: false };
      const message = error instanceof Error ? error.message : String(error);
      return { ...again(row.attempt), counts: true, ...failure(undefined, message) };
    }
  };
  const laneOf = ({ org, host }: Pick<TaskCallbackRow, "org" | "host">): string => `${org}\n${host}`;
  const runOne = async (row: TaskCallbackRow): Promise<void> => {
    const lane = laneOf(row);
    try {
      const settlement = await deliver(row);
      await taskCallbacks.settle([{ lease: row, ...settlement }]);
    } catch (error) {
      // Its lease ends by itself, and somebody tries again.
      log.warn("a callback could not be delivered or noted", { error, task: row.taskId });
    } finally {
      const left = (perHost.get(lane) ?? 1) - 1;
      if (left === 0) perHost.delete(lane);
      else perHost.set(lane, left);
      waker.wake();
    }
  };
  const start = (row: TaskCallbackRow): void => {
    perHost.set(laneOf(row), (perHost.get(laneOf(row)) ?? 0) + 1);
    const one = runOne(row).finally(() => under.delete(one));
    under.add(one);
  };
  /** Starts what is due and has room. */
  const round = async (): Promise<void> => {
    await taskCallbacks.expire(AT_ONCE, ({ attempt }) => {
      return { ...again(attempt), ...failure(undefined, "the platform ended during the delivery") };
    });
    for (let after: { org: string; host: string } | undefined; ;) {
      const found = await taskCallbacks.lanes(HOSTS_PER_PAGE, after);
      const lanes = found
        .filter(({ waitedMs }) => waitedMs >= 0)
        .map(({ lane }) => ({ ...lane, limit: PER_HOST - (perHost.get(laneOf(lane)) ?? 0) }))
        .filter(({ limit }) => limit > 0);
      const limit = AT_ONCE - under.size;
      if (lanes.length > 0 && limit > 0) {
        const rows = await taskCallbacks.claim({ owner, leaseMs: LEASE_MS, limit, lanes });
        rows.forEach(start);
      }
      if (found.length < HOSTS_PER_PAGE || stopping.signal.aborted) return;
      after = found.at(-1)?.lane;
    }
  };
  const run = async (): Promise<void> => {
    let failures = 0;
    while (!stopping.signal.aborted) {
      try {
        await round();
        failures = 0;
      } catch (error) {
        failures += 1;
        // Once a minute while the database is away.
        const isNews = failures % LOG_EVERY === 1 && !stopping.signal.aborted;
        if (isNews) log.warn("callbacks could not be looked for", { error, failures });
      }
      await waker.wait(pollMs, stopping.signal);
    }
  };
  return {
    name: "callbacks",
    async start() {
      if (options.alone) await taskCallbacks.endLeases();
      running = run();
    },
    async stop(graceMs) {
      stopping.abort(new Error("the callbacks are stopping"));
      await running;
      const timer = new AbortController();
      runAfter(clock, graceMs, timer.signal, () => cutting.abort(stopping.signal.reason));
      await Promise.all(under);
      timer.abort();
    },
    wake: waker.wake,
  };
}
