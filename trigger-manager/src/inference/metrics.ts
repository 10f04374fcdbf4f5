import type { Registry } from "@hanzo-fn/telemetry";
import type { StreamLag } from "../stream/broker.ts";

/** What became of a record of the topic. */
export type RecordOutcome = "matched" | "passed" | "unreadable";
/** What became of a match: `over_limit` and `unsendable` are given up. */
export type MatchOutcome = "handed_on" | "duplicate" | "over_limit" | "unsendable";

/** The figures of the tee. */
export interface InferenceMetrics {
  record(outcome: RecordOutcome): void;
  match(outcome: MatchOutcome): void;
  /** Records that were gone by retention before they were read. */
  lost(records: number): void;
  /** Undefined where it could not be read, or nothing is read. */
  lag(lag: StreamLag | undefined): void;
}

export function createInferenceMetrics(registry: Registry, topic: string): InferenceMetrics {
  const records = registry.counter(
    "inference_records_total",
    "Records of the topic of usage events, by outcome",
    ["outcome"],
  );
  const matches = registry.counter(
    "inference_matches_total",
    "Matches of triggers with records, by outcome",
    ["outcome"],
  );
  const lost = registry.counter(
    "inference_lost_records_total",
    "Records that were gone before they were read",
    [],
  );
  const seconds = registry.gauge(
    "inference_topic_lag",
    "Age of the oldest record that was not judged, in seconds",
    ["topic"],
  );
  const items = registry.gauge("inference_topic_lag_items", "Records that were not judged", ["topic"]);
  return {
    record: (outcome) => void records.series(outcome).value++,
    match: (outcome) => void matches.series(outcome).value++,
    lost: (count) => void (lost.series().value += count),
    lag(lag) {
      if (lag === undefined) {
        for (const family of [seconds, items]) family.forget("topic", topic);
        return;
      }
      seconds.series(topic).value = lag.seconds;
      items.series(topic).value = lag.items;
    },
  };
}
