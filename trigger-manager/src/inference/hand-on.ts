import type { Publisher } from "@hanzo-fn/brokers";
import { PlatformError } from "@hanzo-fn/contract";
import { type Backoff, backoffDelay, type Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { SourceEvent } from "../delivery/index.ts";
import type { Matched } from "./matches.ts";
import { matchMessage } from "./match-message.ts";
import type { InferenceMetrics } from "./metrics.ts";
import type { Room } from "./room.ts";
import type { TriggerSet } from "./trigger-set.ts";
import { readUsageEvent } from "./usage-event.ts";

export interface HandOnDependencies {
  readonly set: Pick<TriggerSet, "wanting" | "has" | "refresh">;
  readonly room: Room;
  readonly publisher: Pick<Publisher, "publish">;
  readonly metrics: Pick<InferenceMetrics, "record" | "match">;
  readonly clock: Pick<Clock, "sleep">;
  readonly log: Pick<Logger, "warn">;
  /** Why matches are not handed on at the moment; undefined where they are. */
  readonly blocked: (reason: string | undefined) => void;
}

/**
 * Judges records, and resolves once every match is kept by the broker, or given up for good. While the broker does not
 * take them it tries again; what is somebody else's by then (`isOurs`) is left to them, and what was for a trigger that
 * is gone by then is nobody's. Rejects at the signal.
 */
export type HandOn = (
  records: readonly SourceEvent[],
  isOurs: (record: SourceEvent) => boolean,
  signal: AbortSignal,
) => Promise<void>;

interface Match {
  readonly record: SourceEvent;
  readonly trigger: Matched;
  /** It counts among those that wait. */
  taken: boolean;
}

const AT_ONCE = 1000;
const AGAIN: Backoff = { initialMs: 100, factor: 2, maxMs: 5000 };
const FINAL: ReadonlySet<string> = new Set(["bad_request", "payload_too_large"]);

const offsetOf = ({ id }: SourceEvent): number => Number(id.slice(id.lastIndexOf(":") + 1));
const wordsOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

export function createHandOn(deps: HandOnDependencies): HandOn {
  const { set, room, publisher, metrics, clock, log } = deps;

  const judge = (record: SourceEvent): Match[] => {
    const event = readUsageEvent(record.body);
    if (event === undefined) {
      metrics.record("unreadable");
      return [];
    }
    const triggers = set.wanting(event, Number(record.partition), offsetOf(record));
    metrics.record(triggers.length > 0 ? "matched" : "passed");
    return triggers.map((trigger) => ({ record, trigger, taken: false }));
  };
  const publish = async ({ record, trigger }: Match, signal: AbortSignal): Promise<void> => {
    try {
      const { duplicate } = await publisher.publish(matchMessage(record, trigger.id), signal);
      metrics.match(duplicate ? "duplicate" : "handed_on");
    } catch (error) {
      if (!(error instanceof PlatformError) || !FINAL.has(error.code)) throw error;
      metrics.match("unsendable");
      log.warn("a match cannot be sent", { error, trigger: trigger.id, event: record.id });
    }
  };
  /** False where there is no room for it. */
  const hasRoom = async (match: Match, signal: AbortSignal): Promise<boolean> => {
    if (match.taken) return true;
    match.taken = await room.take(match.trigger, signal);
    if (!match.taken) metrics.match("over_limit");
    return match.taken;
  };
  /** What is left to do, and why. */
  const attempt = async (
    matches: readonly Match[],
    signal: AbortSignal,
  ): Promise<{ readonly left: readonly Match[]; readonly error: unknown }> => {
    const left: Match[] = [];
    let last: unknown;
    const send = async (match: Match): Promise<void> => {
      try {
        await publish(match, signal);
      } catch (error) {
        last = error;
        left.push(match);
        // Its queue may have been deleted: the next look makes it anew.
        match.taken = false;
        room.forget(match.trigger.id);
      }
    };
    const ready: Match[] = [];
    for (const [i, match] of matches.entries()) {
      try {
        if (await hasRoom(match, signal)) ready.push(match);
      } catch (error) {
        // The broker does not answer; asking it for each of the others would take as long for each.
        last = error;
        left.push(...matches.slice(i));
        break;
      }
    }
    for (let i = 0; i < ready.length; i += AT_ONCE) await Promise.all(ready.slice(i, i + AT_ONCE).map(send));
    return { left, error: last };
  };
  return async (records, isOurs, signal) => {
    let matches: readonly Match[] = records.flatMap(judge);
    for (let tries = 1; matches.length > 0; tries++) {
      const { left, error } = await attempt(matches, signal);
      signal.throwIfAborted();
      if (left.length === 0) break;
      deps.blocked(wordsOf(error));
      log.warn("matches of inference triggers wait to be handed on", { error, matches: left.length });
      await clock.sleep(backoffDelay(AGAIN, tries), signal);
      await set
        .refresh(signal)
        .catch((error: unknown) => log.warn("inference triggers were not read", { error }));
      matches = left.filter(({ record, trigger }) => isOurs(record) && set.has(trigger.id));
    }
    deps.blocked(undefined);
  };
}
