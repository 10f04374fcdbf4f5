import { type Backoff, backoffDelay, type Clock, withFullJitter } from "@hanzo-fn/lifecycle";
import { statusError, type Target } from "../http/errors.ts";
import { collectionPath } from "../http/paths.ts";
import type { Requests } from "../http/requests.ts";
import type { ListQuery, ObjectCalls, ObjectList } from "../object-calls.ts";
import type { Kind, KubeObject } from "../objects.ts";
import { readEvent, type WatchEvent } from "./events.ts";
import { jsonLines } from "./json-lines.ts";
import { isWorthALine, nextStep, type WatchEnd } from "./next-step.ts";

export interface WatchLog {
  debug(msg: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(msg: string, fields?: Readonly<Record<string, unknown>>): void;
}

export interface FollowDependencies {
  readonly requests: Requests;
  readonly objects: Pick<ObjectCalls, "list">;
  readonly clock: Clock;
  readonly log: WatchLog;
}

export interface Following<T extends KubeObject> {
  readonly kind: Kind<T>;
  readonly query: ListQuery;
  readonly silenceMs: number;
  onList(list: ObjectList<T>): void;
  onEvent(event: Exclude<WatchEvent<T>, { readonly type: "error" | "bookmark" }>): void;
}

const BACKOFF: Backoff = { initialMs: 200, factor: 2, maxMs: 30_000 };
/** A watch that ends so soon and empty ends at something in between that does not know watches. */
const EARLY_MS = 500;
const MAX_LINE = 64 * 1024 * 1024;

/** Lists and watches until the signal aborts; never rejects. */
export async function follow<T extends KubeObject>(
  deps: FollowDependencies,
  what: Following<T>,
  signal: AbortSignal,
): Promise<void> {
  const { objects, clock, log } = deps;
  const fields = {
    kind: what.kind.kind,
    ...(what.query.namespace === undefined ? {} : { namespace: what.query.namespace }),
  };
  let at: string | undefined;
  let failures = 0;
  const pause = (): Promise<void> =>
    clock.sleep(withFullJitter(backoffDelay(BACKOFF, failures), Math.random()), signal).catch(() => {});

  while (!signal.aborted) {
    if (at === undefined) {
      try {
        const list = await objects.list(what.kind, what.query, signal);
        at = list.resourceVersion;
        what.onList(list);
      } catch (error) {
        if (signal.aborted) return;
        failures += 1;
        log[isWorthALine(failures) ? "warn" : "debug"]("objects not listed yet", {
          ...fields,
          error,
          failures,
        });
        await pause();
        continue;
      }
    }
    const watched = await watchOnce(deps, what, at, signal);
    if (signal.aborted) return;
    const next = nextStep(watched.end, failures);
    failures = next.failures;
    at = next.relist ? undefined : watched.at;
    const { end } = watched;
    if (end.how === "failed" || end.early) {
      const error = end.how === "failed" ? { error: end.error } : {};
      log[next.worthALine ? "warn" : "debug"]("watch ended", {
        ...fields,
        ...error,
        failures,
        relist: next.relist,
      });
    }
    if (failures > 0) await pause();
  }
}

/** One watch from `from` on, to its end, and the version of the last thing heard. */
async function watchOnce<T extends KubeObject>(
  { requests, clock }: FollowDependencies,
  what: Following<T>,
  from: string,
  signal: AbortSignal,
): Promise<{ readonly at: string; readonly end: WatchEnd }> {
  const { namespace, labelSelector, fieldSelector } = what.query;
  const target: Target = {
    verb: "watch",
    what: namespace === undefined ? what.kind.plural : `${what.kind.plural} in ${namespace}`,
  };
  let at = from;
  let heard = false;
  const begun = clock.monotonic();
  try {
    const body = await requests.stream({
      method: "GET",
      path: collectionPath(what.kind, namespace),
      query: {
        ...{ watch: true, allowWatchBookmarks: true, resourceVersion: from, labelSelector, fieldSelector },
        timeoutSeconds: watchSeconds(what.silenceMs, Math.random()),
      },
      target,
      idempotent: true,
      signal,
      silenceMs: what.silenceMs,
      once: true,
    });
    try {
      for await (const line of jsonLines(body as AsyncIterable<Buffer>, MAX_LINE)) {
        const event = readEvent<T>(line);
        if (event.type === "error") {
          return {
            at,
            end: { how: "failed", error: statusError(target, event.status), heard, inStream: true },
          };
        }
        heard = true;
        if (event.type !== "bookmark") what.onEvent(event);
        at = event.resourceVersion;
      }
    } finally {
      body.destroy();
    }
    return { at, end: { how: "done", early: !heard && clock.monotonic() - begun < EARLY_MS } };
  } catch (error) {
    return { at, end: { how: "failed", error, heard, inStream: false } };
  }
}

/**
 * How long the server is to keep a watch. Nothing comes on a quiet one but a bookmark a minute, so that a longer watch
 * could not be told from a dead connection within `silenceMs`; one that ends before that keeps its connection for the
 * next, and has its bookmark 2 s before its end (Kubernetes 1.35). Not all at the same moment.
 */
function watchSeconds(silenceMs: number, random: number): number {
  return Math.max(1, Math.floor((silenceMs / 1000) * (0.7 + 0.2 * random)));
}
