import { cronRunId, REDRIVE_OF } from "@hanzo-fn/contract";
import type { DeadLetterDetailJson, DeadLetterJson, TriggerRunJson } from "@hanzo-fn/contract/api";
import type { CronFireRow, DeadLetterRow } from "@hanzo-fn/store";

/** A scheduled time, or a redriven run, as history shows it. */
export function runJson(row: CronFireRow): TriggerRunJson {
  const { scheduledAt, startedAt, finishedAt, statusCode, error, redriveOf } = row;
  return {
    id: cronRunId(row.triggerId, scheduledAt),
    scheduled_at: scheduledAt.toISOString(),
    state: row.state,
    attempts: row.attempt,
    ...(startedAt === null ? {} : { started_at: startedAt.toISOString() }),
    ...(finishedAt === null ? {} : { finished_at: finishedAt.toISOString() }),
    ...(row.state === "queued" ? { next_attempt_at: row.runAt.toISOString() } : {}),
    ...(statusCode === null ? {} : { status: statusCode }),
    ...(error === null ? {} : { error: { ...error } }),
    ...(redriveOf === null ? {} : { redrive_of: redriveOf }),
  };
}

export function deadLetterJson(row: DeadLetterRow): DeadLetterJson {
  const { status, payload, redrivenAt, redrivenAs } = row;
  const redriveOf = row.headers[REDRIVE_OF];
  return {
    id: row.id,
    function: row.function,
    trigger: row.triggerId,
    event: row.eventId,
    source: row.source,
    reason: row.reason,
    attempts: row.attempts,
    ...(status === null ? {} : { status }),
    error: row.error,
    ...(payload === null ? {} : { bytes: payload.length }),
    first_failed_at: row.firstFailedAt.toISOString(),
    last_failed_at: row.lastFailedAt.toISOString(),
    parked_at: row.parkedAt.toISOString(),
    ...(redriveOf === undefined ? {} : { redrive_of: redriveOf }),
    ...(redrivenAt === null ? {} : { redriven_at: redrivenAt.toISOString() }),
    ...(redrivenAs === null ? {} : { redriven_as: redrivenAs }),
  };
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

/** As JSON, else as text, else in base64. */
function payloadJson(
  payload: Buffer,
  json: boolean,
): Pick<DeadLetterDetailJson, "data" | "body" | "encoding"> {
  try {
    const text = utf8.decode(payload);
    return json ? { data: JSON.parse(text) as unknown } : { body: text };
  } catch {
    return { body: payload.toString("base64"), encoding: "base64" };
  }
}

/** @param payload as the row has it, or the blob that it refers to; undefined where that is gone */
export function deadLetterDetailJson(row: DeadLetterRow, payload: Buffer | undefined): DeadLetterDetailJson {
  const letter = { ...deadLetterJson(row), headers: { ...row.headers } };
  if (payload === undefined) return { ...letter, payload_missing: true };
  return { ...letter, bytes: payload.length, ...payloadJson(payload, row.json) };
}
