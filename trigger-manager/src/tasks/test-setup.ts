import { keepingPublishers } from "../test-publishers.ts";
import { openDiskBlobs } from "@hanzo-fn/blobs";
import { HEADERS, type TaskCall } from "@hanzo-fn/contract";
import { abortable, systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store, type TaskFinalState, type TaskRow } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { createTestDatabase, recordingLog, type TestDatabase, tempDir, waitFor } from "@hanzo-fn/testkit";
import { createBudget, REPLICA_BUDGET } from "../delivery/budget.ts";
import type { TaskInvokeRequest, TaskInvokeResponse } from "./call.ts";
import { createTaskIntake } from "./intake.ts";
import { createTaskRunner, type TaskRunnerOptions } from "./runner.ts";
import { createTaskSignals } from "./signals.ts";

export const NEVER: AbortSignal = new AbortController().signal;

/** What a function answers: a status with a body, a refusal of the platform, or nothing for as long as it is not cut. */
export type Reply =
  | {
      readonly status: number;
      readonly body?: string | Buffer;
      readonly headers?: Readonly<Record<string, string>>;
      readonly platform?: boolean;
    }
  | { readonly refused: string }
  | "hangs";

export type Behaviour = (request: TaskInvokeRequest, signal: AbortSignal) => Reply | Promise<Reply>;

export async function* chunksOf(body: string | Buffer): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(body);
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

export function answerOf(reply: Exclude<Reply, "hangs">): TaskInvokeResponse {
  if ("refused" in reply) {
    const body = JSON.stringify({ error: reply.refused, msg: "refused" });
    return {
      status: 503,
      headers: [[HEADERS.notDelivered, reply.refused]],
      body: chunksOf(body),
      platform: true,
    };
  }
  const { status, body = "", headers = {}, platform = false } = reply;
  const all = Object.entries({ "content-type": "text/plain", ...headers });
  return { status, headers: all, body: chunksOf(body), platform };
}

export function testLog(): Logger & ReturnType<typeof recordingLog> {
  const log: Logger & ReturnType<typeof recordingLog> = {
    ...recordingLog(),
    log: () => {},
    child: () => log,
  };
  return log;
}

export const SETTINGS: TaskRunnerOptions = {
  attempts: 3,
  backoffMs: 20,
  expiresInMs: 3_600_000,
  retentionMs: 3_600_000,
  concurrency: 16,
  maxQueued: 1000,
  maxPayloadBytes: 4_000_000,
  maxResultBytes: 4_000_000,
  alone: false,
  leaseMs: 10_000,
  pollMs: 20,
};

/** A platform's part that runs tasks; several may share a database. */
export interface TestReplica {
  readonly calls: TaskInvokeRequest[];
  readonly ended: { readonly id: string; readonly state: TaskFinalState }[];
  readonly runner: ReturnType<typeof createTaskRunner>;
  readonly store: Store;
  submit(call?: Partial<TaskCall>): Promise<string>;
  end(id: string): Promise<TaskRow>;
}

export interface TestTasks extends AsyncDisposable {
  readonly database: TestDatabase;
  readonly blobs: Awaited<ReturnType<typeof openDiskBlobs>>;
  replica(behaviour: Behaviour, options?: Partial<TaskRunnerOptions>): Promise<TestReplica>;
}

export async function testTasks(): Promise<TestTasks> {
  const database = await createTestDatabase();
  const dir = await tempDir();
  const blobs = await openDiskBlobs({ directory: dir.path });
  const stores: Store[] = [];
  const runners: ReturnType<typeof createTaskRunner>[] = [];
  return {
    database,
    blobs,
    async replica(behaviour, more = {}) {
      const options = { ...SETTINGS, ...more };
      const log = testLog();
      const store = await openStore({ database, log, clock: systemClock, maxConnections: 4 });
      stores.push(store);
      const calls: TaskInvokeRequest[] = [];
      const ended: TestReplica["ended"] = [];
      const signals = createTaskSignals();
      const invoke = async (
        request: TaskInvokeRequest,
        _: unknown,
        signal: AbortSignal,
      ): Promise<TaskInvokeResponse> => {
        calls.push(request);
        const reply = await behaviour(request, signal);
        if (reply !== "hangs") return answerOf(reply);
        return abortable(Promise.withResolvers<never>().promise, signal);
      };
      const runner = createTaskRunner(
        {
          ...{ store, blobs, invoke, signals, log },
          budget: createBudget(REPLICA_BUDGET),
          publishers: keepingPublishers().publishers,
          clock: systemClock,
          observer: {
            accepted: () => {},
            ended: (task, state) => void ended.push({ id: (task as TaskRow).id, state }),
            backlog: () => {},
          },
        },
        options,
      );
      runners.push(runner);
      const accept = createTaskIntake(
        {
          ...{ tasks: store.tasks, blobs, clock: systemClock },
          revisions: (_org, name) => (name === "absent" ? undefined : [1, 2]),
          queued: () => 0,
          onAccepted: runner.wake,
        },
        { ...options, allowPrivate: false },
      );
      return {
        ...{ calls, ended, runner, store },
        async submit(call = {}) {
          const whole: TaskCall = {
            ...{ org: "acme", function: "f", user: "ann", mayPin: true, query: "", requestId: "req_1" },
            headers: [["content-type", "text/plain"]],
            body: chunksOf("hello"),
            ...call,
          };
          return (await accept(whole, NEVER)).id;
        },
        end(id) {
          const look = async (): Promise<TaskRow | false> => {
            const row = await store.tasks.get("acme", id);
            return row !== undefined && row.finishedAt !== null && row;
          };
          return waitFor(`the end of ${id}`, look, { timeoutMs: 60_000 });
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(runners.map((runner) => runner.stop(0)));
      await Promise.all(stores.map((store) => store.close()));
      await database[Symbol.asyncDispose]();
      await dir[Symbol.asyncDispose]();
    },
  };
}

export const bytesOf = (size: number): AsyncIterable<Buffer> => chunksOf(Buffer.alloc(size, "y"));
