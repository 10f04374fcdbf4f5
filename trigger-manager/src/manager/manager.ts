import type { Blobs } from "@hanzo-fn/blobs";
import { PlatformError, type Trigger } from "@hanzo-fn/contract";
import {
  type Clock,
  createGroup,
  createWorkQueue,
  retryUntilDone,
  type Service,
  withDeadline,
} from "@hanzo-fn/lifecycle";
import type { DeadLetterRow, FunctionAggregate, Store, TriggerRow } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { DeliveriesDependencies } from "./deliveries.ts";
import type { EventTrigger, Lag, RecordPrepared, Served, TriggerKind } from "./kind.ts";
import { watchLag } from "./lag.ts";
import type { TriggerMetrics } from "./metrics.ts";
import { createNotes } from "./notes.ts";
import { planOf, servedTrigger } from "./plan.ts";
import { letterToRedrive } from "./redrive.ts";
import { createDeliveryRegistry } from "./registry.ts";

export interface TriggerManagerDependencies extends Pick<
  DeliveriesDependencies,
  "budget" | "invoke" | "publishers" | "ready"
> {
  /** Where long bodies of dead letters are kept. */
  readonly blobs: Pick<Blobs, "get" | "putIfAbsent">;
  readonly store: Store;
  /** Each type once. */
  readonly kinds: readonly TriggerKind[];
  readonly metrics: TriggerMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

/** Delivers the events of all triggers that are served here. */
export interface TriggerManager extends Service {
  /** As `TriggerKind.prepare`, of all triggers that a function is to have. */
  prepare(
    org: string,
    functionName: string,
    triggers: readonly Trigger[],
    signal: AbortSignal,
  ): Promise<RecordPrepared>;
  /** What waits at the trigger's source; undefined where it cannot be told. */
  lag(row: TriggerRow): Promise<Lag | undefined>;
  /**
   * Makes a new event of a dead letter; its id. Throws `conflict` where that was done before, where its trigger or its
   * payload is gone, or where triggers of that type are not served; `payload_too_large` where its broker takes no message
   * of that size; `unavailable` where the payload cannot be read now. A letter of which that is said stays as it was.
   */
  redrive(letter: DeadLetterRow): Promise<string>;
}

const RETRY = { initialMs: 500, factor: 2, maxMs: 30_000 };
/** Functions that are looked at at once. */
const CONCURRENCY = 8;
const LOOK_EVERY_MS = 1000;
const LAG_WITHIN_MS = 5000;
/** The payload of a dead letter, from the blob store. */
const READ_WITHIN_MS = 30_000;
const DELETING_AT_ONCE = 100;

const splitKey = (key: string): [org: string, functionName: string] => {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
};

/**
 * Level-triggered: a key names a function to look at, the store says which triggers it has. A restart, a missed
 * notification and a duplicate one are the same code path.
 */
export function createTriggerManager(deps: TriggerManagerDependencies): TriggerManager {
  const { store, clock, log, metrics } = deps;
  const stopped = new AbortController();
  const notes = createNotes({ store, clock, log });
  const kinds = new Map(deps.kinds.map((kind) => [kind.type as string, kind]));
  const services = createGroup([...kinds.values()].flatMap(({ service }) => service ?? []));
  const registry = createDeliveryRegistry({ ...deps, kinds, notes }, (key) => queue.add(key));
  /** Why a trigger is blocked, as it was written down last; absent where it is not. */
  const told = new Map<string, string>();
  let loops: Promise<unknown> | undefined;

  const tell = (id: string, blocked: string | undefined): void => {
    if (told.get(id) === blocked) return;
    if (blocked === undefined) told.delete(id);
    else told.set(id, blocked);
    notes.add({ id, blocked: blocked ?? null });
  };
  const remember = (rows: readonly TriggerRow[]): void => {
    for (const { id, state, reason } of rows) {
      if (state === "blocked" && !told.has(id)) told.set(id, reason ?? "");
    }
  };
  const apply = async (
    key: string,
    aggregate: FunctionAggregate | undefined,
    rows: readonly TriggerRow[],
  ): Promise<void> => {
    remember(rows);
    const plan = planOf(aggregate, rows, kinds);
    for (const [id, reason] of plan.blocked) tell(id, reason);
    try {
      await registry.apply(key, plan.deliveries, stopped.signal);
    } catch (error) {
      // Those that could not be opened: what is open says for itself how it is.
      const reason = error instanceof Error ? error.message : String(error);
      for (const { trigger } of plan.deliveries) if (!registry.isOpen(trigger.id)) tell(trigger.id, reason);
      throw error;
    }
    for (const trigger of plan.removals) await remove(trigger);
  };
  /** Once nothing of it runs; a delivery that ends has its function looked at again. */
  const remove = async (trigger: Served): Promise<void> => {
    if (registry.isOpen(trigger.id)) return;
    await kinds.get(trigger.spec.type)?.remove(trigger, stopped.signal);
    await store.triggers.remove(trigger.id);
    told.delete(trigger.id);
    metrics.forget(trigger.id);
  };
  const lookAt = async (key: string): Promise<void> => {
    const [org, name] = splitKey(key);
    const aggregate = await store.loadFunction(org, name);
    await apply(key, aggregate, aggregate?.triggers ?? (await store.triggers.listOf(org, name)));
  };
  const queue = createWorkQueue({
    clock,
    backoff: RETRY,
    concurrency: CONCURRENCY,
    work: lookAt,
    onFailure({ key, error, attempt }) {
      const [org, name] = splitKey(key);
      log.error("triggers could not be served", { error, org_id: org, function: name, attempt });
    },
  });

  const readAll = async (): Promise<void> => {
    const gone = registry.keys();
    for await (const aggregate of store.loadAll()) {
      const { org, name } = aggregate.function;
      const key = `${org}/${name}`;
      gone.delete(key);
      try {
        await apply(key, aggregate, aggregate.triggers);
      } catch (error) {
        if (stopped.signal.aborted) return;
        log.error("triggers could not be served", { error, org_id: org, function: name, attempt: 1 });
        queue.add(key);
      }
    }
    for (const { org, function: name } of await store.triggers.deleting(DELETING_AT_ONCE))
      gone.add(`${org}/${name}`);
    for (const key of gone) queue.add(key);
  };
  const watchStates = async (): Promise<void> => {
    while (!stopped.signal.aborted) {
      for (const { wanted, delivery } of registry.open()) tell(wanted.trigger.id, delivery.blocked);
      await clock.sleep(LOOK_EVERY_MS, stopped.signal).catch(() => {});
    }
  };
  const lagOf = (kind: TriggerKind, triggers: readonly Served[]): Promise<ReadonlyMap<string, Lag>> =>
    withDeadline(clock, LAG_WITHIN_MS, stopped.signal, (signal) => kind.lag(triggers, signal));
  const served = function* (): Generator<Served> {
    for (const { wanted } of registry.open()) yield wanted.trigger;
  };

  return {
    name: "trigger-manager",
    async start(signal) {
      await services.start(signal);
      const lags = watchLag({ kinds, served, lagOf, metrics, clock, log }, stopped.signal);
      loops = Promise.all([watchStates(), notes.run(stopped.signal), lags]);
      // The first connection counts as a resync, so that everything is read once, and nothing is missed after it.
      await new Promise<void>((resolve) => {
        const onFailure = (error: unknown): void => log.error("triggers were not read yet", { error });
        const retry = { clock, backoff: RETRY, signal: stopped.signal, onFailure };
        const onResync = (): void => void retryUntilDone(readAll, retry).then(resolve);
        const onChange = (org: string, name: string): void => queue.add(`${org}/${name}`);
        store.onChange({ onChange, onResync }, stopped.signal);
      });
    },
    async stop(graceMs) {
      stopped.abort(new Error("the trigger manager is stopping"));
      await queue.stop(0);
      await registry.closeAll(graceMs);
      await services.stop(0);
      await loops;
      await notes
        .flush()
        .catch((error: unknown) => log.warn("states of triggers were not written", { error }));
    },
    async prepare(org, functionName, triggers, signal) {
      const records: RecordPrepared[] = [];
      for (const kind of kinds.values()) {
        const specs = triggers.filter((spec): spec is EventTrigger => spec.type === kind.type);
        const record =
          specs.length === 0 ? undefined : await kind.prepare?.(org, functionName, specs, signal);
        if (record !== undefined) records.push(record);
      }
      return async (tx, rows) => {
        for (const record of records) await record(tx, rows);
      };
    },
    async lag(row) {
      const kind = kinds.get(row.type);
      if (kind === undefined) return undefined;
      const found = await lagOf(kind, [servedTrigger(row)]).catch(() => undefined);
      return found?.get(row.id);
    },
    async redrive(letter) {
      const row = await store.triggers.get(letter.org, letter.triggerId);
      const kind = row === undefined || row.state === "deleting" ? undefined : kinds.get(row.type);
      if (row === undefined || kind === undefined) throw cannotRedrive(letter, row);
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(READ_WITHIN_MS)]);
      return kind.redrive(servedTrigger(row), await letterToRedrive(deps.blobs, letter, signal));
    },
  };
}

function cannotRedrive(
  { id, triggerId, function: fn }: DeadLetterRow,
  row: TriggerRow | undefined,
): PlatformError {
  const why =
    row === undefined || row.state === "deleting"
      ? `its trigger ${triggerId} was deleted`
      : `triggers of type ${row.type} are not served here`;
  return new PlatformError("conflict", `dead letter ${id} cannot be redriven: ${why}`, {
    component: "trigger-manager",
    function: fn,
    next: `hanzo-fn dead-letters show ${id} has what it holds`,
  });
}
