import { cronRunId, type CronTrigger, REDRIVE_OF } from "@hanzo-fn/contract";
import type { CronFireRow, CronFireTypes, QueueLease, Settlement as QueueSettlement } from "@hanzo-fn/store";
import type { Failure, Settlement, SourceEvent } from "../delivery/index.ts";
import { failingForMs } from "../failing-for.ts";

export type CronLease = QueueLease<CronFireTypes>;

/** Answers with which the platform ends a call that had reached user code. */
const UNKNOWN_STATUS: ReadonlySet<number> = new Set([502, 504]);

/** A fire as it was claimed, as an event of its trigger. */
export function fireEvent(
  row: CronFireRow,
  { schedule, payload }: Pick<CronTrigger, "schedule" | "payload">,
): SourceEvent {
  const { redriveOf, scheduledAt } = row;
  return {
    id: cronRunId(row.triggerId, scheduledAt),
    body: Buffer.from(payload ?? "{}"),
    json: true,
    headers: redriveOf === null ? {} : { [REDRIVE_OF]: redriveOf },
    attempt: row.attempt,
    ageMs: failingForMs(row),
    partition: "",
    source: schedule,
    timestamp: scheduledAt.toISOString(),
  };
}

function outcomeOf({ status, error }: Failure, code: string): QueueSettlement<CronFireTypes>["outcome"] {
  return { statusCode: status ?? null, error: { code, message: error } };
}

function isUnknown(settlement: Extract<Settlement, { kind: "retry" }>): boolean {
  if (settlement.interrupted === true) return true;
  const status = settlement.failure?.status;
  return settlement.counted && (status === undefined || UNKNOWN_STATUS.has(status));
}

/** What the record says of a settlement; undefined where it says nothing of it. */
export function fireSettlement(
  lease: CronLease,
  settlement: Settlement,
  { atMostOnce }: Pick<CronTrigger, "atMostOnce">,
): QueueSettlement<CronFireTypes> | undefined {
  switch (settlement.kind) {
    case "ack":
      return { lease, to: "succeeded", counts: true, outcome: { statusCode: settlement.answer.status } };
    case "park":
      return {
        lease,
        to: "failed",
        counts: settlement.counted,
        outcome: outcomeOf(settlement.failure, "failed"),
      };
    case "hold":
      return undefined;
    case "retry": {
      const { counted, failure, delayMs } = settlement;
      if (atMostOnce && isUnknown(settlement)) {
        const unknown = failure ?? { error: "it was cut short while it ran" };
        return { lease, to: "failed", counts: true, outcome: outcomeOf(unknown, "outcome_unknown") };
      }
      if (failure === undefined) return { lease, to: "queued", counts: counted };
      const outcome = outcomeOf(failure, counted ? "failed" : "not_delivered");
      return { lease, to: "queued", counts: counted, delayMs, outcome };
    }
  }
}
