import { EventEmitter } from "node:events";
import type { Deployer, DesiredFunction, RevisionStatus, WishCheck } from "@hanzo-fn/engine";
import { type Backoff, type Clock, createWorkQueue, retryUntilDone, type Service } from "@hanzo-fn/lifecycle";
import type { RevisionRow, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import { desiredFunction } from "./desired.ts";
import { planLatest } from "./traffic.ts";
import { trafficRevision } from "./traffic-rows.ts";

export interface ReconcilerDependencies {
  readonly store: Store;
  readonly deployer: Deployer;
  readonly clock: Clock;
  readonly log: Logger;
  /** Brings the proxies of this process up to date; awaited before anyone hears of the change. */
  readonly refreshRoutes: (org: string, functionName: string) => Promise<void>;
}

export interface Reconciler extends Service {
  /** Looks at this function again, soon. Resolves when it has been looked at. */
  kick(org: string, functionName: string): Promise<void>;
  /** What the engine says to a wish before anything is done for it. */
  check(desired: DesiredFunction, signal: AbortSignal): Promise<WishCheck>;
  /** Resolves when nothing is under way for this function. */
  settled(org: string, functionName: string): Promise<void>;
  /** Resolves at the next change of this function, or after `timeoutMs`. */
  changed(org: string, functionName: string, timeoutMs: number, signal: AbortSignal): Promise<void>;
}

const RETRY: Backoff = { initialMs: 500, factor: 2, maxMs: 30_000 };

function splitKey(key: string): [org: string, functionName: string] {
  const slash = key.indexOf("/");
  return [key.slice(0, slash), key.slice(slash + 1)];
}

function sameObservation(row: RevisionRow, status: RevisionStatus): boolean {
  return (
    row.state === status.state &&
    JSON.stringify(row.failure?.message) === JSON.stringify(status.failure?.message) &&
    // What it waits for is shown, too.
    JSON.stringify(row.warnings) === JSON.stringify(status.warnings)
  );
}

/**
 * Level-triggered: a key says what to look at, the store says what is wished for, the engine what is.
 * A restart, a missed notification and a duplicate one are the same code path.
 */
export function createReconciler(deps: ReconcilerDependencies): Reconciler {
  const { store, deployer, clock, log, refreshRoutes } = deps;
  /** Keys that the engine may have something of. */
  const known = new Set<string>();
  const events = new EventEmitter().setMaxListeners(0);
  const stopped = new AbortController();
  const retry = { clock, backoff: RETRY, signal: stopped.signal };

  const lookAt = async (org: string, name: string): Promise<void> => {
    const aggregate = await store.loadFunction(org, name);
    if (aggregate === undefined) {
      await deployer.remove({ org, function: name }, stopped.signal);
      known.delete(`${org}/${name}`);
    } else {
      known.add(`${org}/${name}`);
      await deployer.apply(desiredFunction(aggregate), stopped.signal);
    }
    await refreshRoutes(org, name);
    events.emit(`${org}/${name}`);
  };

  const queue = createWorkQueue({
    clock,
    backoff: RETRY,
    // A removal lasts as long as the calls that run: with a bound, removals would hold up deploys.
    concurrency: Infinity,
    work: (key) => lookAt(...splitKey(key)),
    onFailure({ key, error, attempt }) {
      const [org, name] = splitKey(key);
      log.error("reconcile failed", { error, org_id: org, function: name, attempt });
    },
  });
  const settled = (org: string, name: string): Promise<void> => queue.settled(`${org}/${name}`);
  const kick = (org: string, name: string): Promise<void> => {
    queue.add(`${org}/${name}`);
    return settled(org, name);
  };

  /** Writes down what the engine saw; a revision that became ready takes the traffic where it follows the latest. */
  const record = async (status: RevisionStatus): Promise<void> => {
    const { org, function: name, number } = status.ref;
    const changed = await store.withTransaction(async (tx) => {
      await tx.lockFunction(org, name);
      const row = await tx.revisions.get(org, name, number);
      // What is ready stays ready: a crash loop later on is shown from the engine, not written down.
      if (
        row === undefined ||
        row.state === "ready" ||
        row.state === "failed" ||
        sameObservation(row, status)
      )
        return false;
      const now = new Date(clock.now());
      const ready = status.state === "ready";
      await tx.revisions.observe(org, name, number, {
        state: status.state,
        failure: status.failure ?? null,
        phasesMs: status.phasesMs,
        warnings: status.warnings,
        imageDigest: status.image?.slice(status.image.indexOf("@") + 1),
        ...(ready ? { readyAt: now, proven: true } : {}),
      });
      const owner = await tx.functions.get(org, name);
      if (ready && owner?.trafficMode === "latest") {
        const rows = await tx.revisions.list(org, name);
        await tx.revisions.setTraffic(org, name, planLatest(rows.map(trafficRevision)).shares, now);
      }
      await tx.functions.touch(org, name, now);
      await tx.notifyChange(org, name);
      return true;
    });
    if (changed) await kick(org, name);
  };

  const recordUntilWritten = (status: RevisionStatus): Promise<void> =>
    retryUntilDone(() => record(status), {
      ...retry,
      onFailure: (error) =>
        log.warn("state of a revision not written yet", {
          error,
          function: status.ref.function,
          revision: status.ref.name,
        }),
    });

  /**
   * Applies every function as one reading of the store has it: at a start the routes are read already, and a look
   * at each function of its own would cost a thousand of them a thousand times three queries.
   * One that cannot be applied does not keep the others waiting, and one that is gone is taken down.
   */
  const applyAll = async (): Promise<void> => {
    const gone = new Set(known);
    const all: { org: string; function: string }[] = [];
    for await (const aggregate of store.loadAll()) {
      const { org, name } = aggregate.function;
      all.push({ org, function: name });
      gone.delete(`${org}/${name}`);
      try {
        known.add(`${org}/${name}`);
        await deployer.apply(desiredFunction(aggregate), stopped.signal);
      } catch (error) {
        if (stopped.signal.aborted) return;
        log.error("reconcile failed", { error, org_id: org, function: name, attempt: 1 });
        void kick(org, name);
      }
    }
    deployer.retain?.(all);
    for (const key of gone) queue.add(key);
  };

  return {
    name: "reconciler",
    kick,
    settled,
    check: async (desired, signal) =>
      (await deployer.check?.(desired, signal)) ?? { refused: [], warnings: [] },
    changed: (org, name, timeoutMs, signal) =>
      new Promise((resolve) => {
        const finish = (): void => {
          clearTimeout(timer);
          events.off(`${org}/${name}`, finish);
          signal.removeEventListener("abort", finish);
          resolve();
        };
        const timer = setTimeout(finish, timeoutMs);
        events.on(`${org}/${name}`, finish);
        signal.addEventListener("abort", finish);
      }),
    start() {
      deployer.observe((status) => void recordUntilWritten(status), stopped.signal);
      // The first connection counts as a resync, so that everything is read once, and nothing is missed after it.
      return new Promise((resolve) => {
        const onFailure = (error: unknown): void => log.error("resync failed", { error });
        const onResync = (): void => void retryUntilDone(applyAll, { ...retry, onFailure }).then(resolve);
        store.onChange({ onChange: (org, name) => void kick(org, name), onResync }, stopped.signal);
      });
    },
    async stop() {
      stopped.abort(new Error("the reconciler is stopping"));
      await queue.stop(0);
    },
  };
}
