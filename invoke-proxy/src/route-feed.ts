import { type FunctionRoutes, type HttpTrigger, revisionName } from "@hanzo-fn/contract";
import { type Clock, retryUntilDone, type Service } from "@hanzo-fn/lifecycle";
import type { FunctionAggregate, Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Invoker } from "./invoker.ts";

/** What the proxy needs to know of a function, from its rows. */
export function functionRoutes({ function: row, revisions, triggers }: FunctionAggregate): FunctionRoutes {
  return {
    org: row.org,
    function: row.name,
    generation: row.generation,
    revisions: revisions.map((revision) => ({
      name: revisionName(revision.function, revision.number),
      number: revision.number,
      runtime: revision.runtime,
      timeoutMs: revision.resources.timeoutMs,
      percent: revision.percent,
      failed:
        revision.state === "failed" && revision.failure !== null
          ? { code: revision.failure.code, message: revision.failure.message }
          : undefined,
    })),
    routes: triggers
      .filter((trigger) => trigger.type === "http")
      .map((trigger) => {
        const { path, methods, auth, rateLimit, cors } = trigger.spec as unknown as HttpTrigger;
        return { triggerId: trigger.id, path, methods, auth, rateLimit, cors };
      }),
  };
}

export interface RouteFeed extends Service {
  /** Re-reads one function; resolves when the table has it. */
  refresh(org: string, functionName: string): Promise<void>;
}

/** Keeps a route table as the store says, by re-reading whatever is said to have changed. */
export function createRouteFeed(deps: {
  readonly store: Store;
  readonly table: Pick<Invoker, "upsert" | "remove">;
  readonly clock: Clock;
  readonly log: Logger;
}): RouteFeed {
  const { store, table, clock, log } = deps;
  const stopped = new AbortController();

  const refresh = async (org: string, name: string): Promise<void> => {
    const aggregate = await store.loadFunction(org, name);
    if (aggregate === undefined) table.remove(org, name);
    else table.upsert(functionRoutes(aggregate));
  };
  const readAll = async (): Promise<void> => {
    for await (const aggregate of store.loadAll()) table.upsert(functionRoutes(aggregate));
  };
  /** The database may be away; calls go on by the routes that are known. */
  const untilDone = (work: () => Promise<void>): Promise<void> =>
    retryUntilDone(work, {
      clock,
      backoff: { initialMs: 200, factor: 2, maxMs: 10_000 },
      signal: stopped.signal,
      onFailure: (error, attempt) => log.warn("routes not read yet", { error, attempt }),
    });

  return {
    name: "route-feed",
    refresh,
    start() {
      // The first connection counts as a resync, so that everything is read once, and nothing is missed after it.
      return new Promise((resolve) => {
        const onChange = (org: string, name: string): void => void untilDone(() => refresh(org, name));
        const onResync = (): void => void untilDone(readAll).then(resolve);
        store.onChange({ onChange, onResync }, stopped.signal);
      });
    },
    stop() {
      stopped.abort(new Error("the route feed is stopping"));
      return Promise.resolve();
    },
  };
}
