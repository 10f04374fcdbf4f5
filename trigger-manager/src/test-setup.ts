import { type Blobs, openDiskBlobs } from "@hanzo-fn/blobs";
import { type CronTrigger, HEADERS } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store } from "@hanzo-fn/store";
import { createRegistry, silentLogger } from "@hanzo-fn/telemetry";
import { createTestDatabase, recordingLog, tempDir } from "@hanzo-fn/testkit";
import { createCronKind } from "./cron/kind.ts";
import { createCronTimes } from "./cron/times.ts";
import { createBudget, type InvokeDependencies, REPLICA_BUDGET } from "./delivery/index.ts";
import type { TriggerKind } from "./manager/kind.ts";
import { createTriggerManager } from "./manager/manager.ts";
import { createTriggerMetrics } from "./manager/metrics.ts";
import { keepingPublishers } from "./test-publishers.ts";

export const CRON: CronTrigger = {
  type: "cron",
  schedule: "@every 1s",
  timezone: "UTC",
  overlap: "skip",
  catchup: "last",
  catchupWindowMs: 3_600_000,
  jitterMs: 0,
  atMostOnce: false,
  retry: { attempts: 3, on4xx: "retry", backoff: { initialMs: 10, maxMs: 20, multiplier: 2 } },
};

/** One call as the function had it. */
export interface SeenCall {
  readonly function: string;
  readonly triggerId: string;
  readonly source: string;
  readonly key: string;
  readonly attempt: number;
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

interface Answered {
  readonly status: number;
  readonly body?: string | undefined;
  readonly notDelivered?: string | undefined;
}

/** How a call ends; rejecting is a connection that broke. */
export type FakeFunction = (call: SeenCall, signal: AbortSignal) => Answered | Promise<Answered>;

const bodyOf = (text: string): AsyncIterable<Buffer> =>
  (async function* () {
    yield Buffer.from(text);
  })();

/** A function that is called in this process. */
export function fakeInvoke(answer: FakeFunction): InvokeDependencies["invoke"] {
  return async (request, _identity, signal) => {
    const { trigger, headers } = request;
    const seen: SeenCall = {
      function: request.function,
      triggerId: trigger.id,
      source: trigger.source,
      key: headers["idempotency-key"] ?? "",
      attempt: trigger.attempt,
      body: request.body.toString("utf8"),
      headers,
    };
    const { status, body = "", notDelivered } = await answer(seen, signal);
    return {
      status,
      headers: notDelivered === undefined ? [] : [[HEADERS.notDelivered, notDelivered] as const],
      body: bodyOf(body),
    };
  };
}

const NOW = new Date("2026-01-02T03:04:05.678Z");
const times = createCronTimes();

/** A function with one serving revision and these cron triggers, as a deploy writes it; their ids. */
export function deployCron(
  store: Store,
  name: string,
  wanted: readonly Partial<CronTrigger>[],
  { serving = true }: { readonly serving?: boolean } = {},
): Promise<string[]> {
  return store.withTransaction(async (tx) => {
    const isNew = (await tx.functions.get("acme", name)) === undefined;
    if (isNew) {
      const scaling = { minInstances: 0, maxInstances: 10, targetConcurrency: 1, scaleDownDelayMs: 30_000 };
      const row = { org: "acme", name, manifest: {}, description: "", scaling, network: {} };
      await tx.functions.insert({ ...row, trafficMode: "latest" }, NOW);
      const resources = { cpuMillis: 250, memoryBytes: 1 << 28, timeoutMs: 60_000, concurrency: 10 };
      const revision = {
        sourceDigest: "d",
        version: "1",
        runtime: "python",
        entry: "handler.run",
        resources,
      };
      const key = { org: "acme", function: name, number: 1, identity: "i" };
      await tx.revisions.insert({ ...key, ...revision, environment: {}, secrets: {} }, NOW);
    }
    if (serving) await tx.revisions.setTraffic("acme", name, new Map([[1, 100]]), NOW);
    const triggers = wanted.map((one) => ({ ...CRON, ...one }));
    let n = 0;
    const rows = await tx.triggers.replace(
      "acme",
      name,
      triggers.map((spec) => {
        return { type: "cron", key: `${spec.schedule} ${spec.payload ?? ""}`, spec: { ...spec } as never };
      }),
      () => `trg_${name}_${n++}`,
      NOW,
    );
    const now = await tx.cronSchedules.now();
    for (const [i, row] of rows.entries()) {
      const nextFireAt = times.next(triggers[i] as CronTrigger, now) as Date;
      const owner = { triggerId: row.id, org: "acme", function: name };
      await tx.cronSchedules.ensure({ ...owner, enabled: true, nextFireAt, tzVersion: times.tzVersion });
    }
    await tx.notifyChange("acme", name);
    return rows.map(({ id }) => id);
  });
}

const nothing = (): never => {
  throw new Error("nothing is that long");
};

/** Where no event is longer than a row holds. */
export const noBlobs: Pick<Blobs, "get" | "putIfAbsent"> = { get: nothing, putIfAbsent: nothing };

/** One database, and as many replicas on it as are started. */
export async function testTriggers() {
  const database = await createTestDatabase();
  const open = (): Promise<Store> => openStore({ database, log: recordingLog(), clock: systemClock });
  const store = await open();
  const folder = await tempDir();
  const blobs = await openDiskBlobs({ directory: folder.path });
  const published = keepingPublishers();
  const replicas: { readonly stop: () => Promise<void> }[] = [];
  return {
    store,
    database,
    /** Of all replicas. */
    blobs,
    /** What went to destinations. */
    published: published.messages,
    /** A trigger manager with a store of its own. */
    async replica(
      answer: FakeFunction,
      {
        kinds = [],
        owner = `replica-${replicas.length}`,
      }: { kinds?: readonly TriggerKind[]; owner?: string } = {},
    ) {
      const own = await open();
      const registry = createRegistry("hanzo_fn");
      const metrics = createTriggerMetrics(registry);
      const manager = createTriggerManager({
        publishers: published.publishers,
        store: own,
        clock: systemClock,
        log: silentLogger,
        kinds: [
          createCronKind({
            ...{ store: own, clock: systemClock, log: silentLogger, owner, alone: false },
            onLate: metrics.late,
          }) as unknown as TriggerKind,
          ...kinds,
        ],
        metrics,
        invoke: fakeInvoke(answer),
        budget: createBudget(REPLICA_BUDGET),
        blobs,
        ready: () => 1,
      });
      let stopped: Promise<void> | undefined;
      const stop = (graceMs = 0): Promise<void> =>
        (stopped ??= manager.stop(graceMs).then(() => own.close()));
      replicas.push({ stop });
      await manager.start(new AbortController().signal);
      return {
        manager,
        metrics: () => registry.text(),
        stop,
        /** As a kill: its database is gone, and it settles nothing more. */
        async abandon() {
          stopped = Promise.resolve();
          await own.close();
          void manager.stop(0);
        },
      };
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(replicas.map(({ stop }) => stop()));
      await store.close();
      await database[Symbol.asyncDispose]();
      await folder[Symbol.asyncDispose]();
    },
  };
}
