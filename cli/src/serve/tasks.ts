import type { Publishers } from "@hanzo-fn/brokers";
import { describeTask, type TaskDesk } from "@hanzo-fn/control-plane";
import type { Invoker } from "@hanzo-fn/invoke-proxy";
import type { Service } from "@hanzo-fn/lifecycle";
import type { Registry } from "@hanzo-fn/telemetry";
import {
  type Budget,
  callbackKey,
  createCallbackRunner,
  createPost,
  createTaskIntake,
  createTaskMetrics,
  createTaskRunner,
  createTaskSignals,
  type TaskObserver,
  type TaskRunnerOptions,
} from "@hanzo-fn/trigger-manager";
import { keptSecret } from "./kept-secret.ts";
import type { Parts } from "./parts.ts";

const POST_TIMEOUT_MS = 15_000;

/** Asynchronous calls of this process. */
export interface ServedTasks extends TaskDesk {
  /** Drops the series of a function that is gone. */
  readonly forget: (functionName: string) => void;
  /** In the order of their start: after what runs functions, so that they stop before it. */
  readonly services: readonly Service[];
}

export interface TaskParts {
  readonly registry: Registry;
  readonly budget: Budget;
  readonly publishers: Publishers;
  /** Known when the proxy's phases are put together, which need `accept`. */
  readonly invoker: () => Invoker;
}

function optionsOf({ config: { events, limits }, alone }: Parts): TaskRunnerOptions {
  return {
    attempts: events.taskAttempts,
    backoffMs: events.taskBackoffMs,
    expiresInMs: events.taskExpiresInMs,
    retentionMs: events.taskRetentionMs,
    concurrency: events.taskConcurrency,
    maxQueued: events.taskMaxQueued,
    maxPayloadBytes: limits.maxBodyBytes,
    maxResultBytes: events.taskMaxResultBytes,
    alone,
  };
}

async function platformKey({ config: { events }, store, clock }: Parts): Promise<Buffer> {
  const { callbackKey: given } = events;
  return given === undefined ? keptSecret(store, "callback-key", clock) : Buffer.from(given.reveal());
}

/** Accepts, runs and tells of asynchronous calls. */
export async function openTasks(
  parts: Parts,
  { registry, budget, publishers, invoker }: TaskParts,
): Promise<ServedTasks> {
  const { config, store, blobs, clock, log } = parts;
  const options = optionsOf(parts);
  const { callbackPrivate: allowPrivate, callbackAttempts } = config.events;
  const key = await platformKey(parts);
  const keyOf = (org: string): string => callbackKey(key, org);
  const metrics = createTaskMetrics(registry);
  const signals = createTaskSignals();
  const callbacks = createCallbackRunner(
    {
      ...{ store, keyOf, clock, log },
      post: createPost({ allowPrivate, timeoutMs: POST_TIMEOUT_MS }),
      describe: async (org, id) => {
        const row = await store.tasks.get(org, id);
        return row && describeTask(row);
      },
    },
    { attempts: callbackAttempts, alone: options.alone },
  );
  const observer: TaskObserver = {
    ...metrics,
    ended(task, state) {
      metrics.ended(task, state);
      if (task.callback != null) callbacks.wake();
    },
  };
  const runner = createTaskRunner(
    {
      ...{ store, blobs, budget, publishers, signals, clock, log, observer },
      invoke: (request, identity, signal) => invoker().invoke(request, identity, signal),
    },
    options,
  );
  const accept = createTaskIntake(
    {
      ...{ tasks: store.tasks, blobs, clock },
      revisions: (org, name) => invoker().revisions(org, name),
      queued: metrics.queued,
      onAccepted(org, name) {
        metrics.accepted(org, name);
        runner.wake(org, name);
      },
    },
    { ...options, allowPrivate },
  );
  return {
    accept,
    ended: signals.ended,
    callbackKey: keyOf,
    forget: metrics.forget,
    services: [callbacks, runner],
  };
}
