import type { PlatformError } from "@hanzo-fn/contract";
import type { QueueOutcome, StoredError, TaskFinalState, TaskRow, TaskTypes } from "@hanzo-fn/store";
import type { ParkReason } from "../delivery/next-step.ts";
import type { Failure, SourceEvent } from "../delivery/source.ts";
import { failingForMs } from "../failing-for.ts";
import type { KeptBody } from "./bodies.ts";

/** What came of one attempt, as far as it is kept. */
export interface AttemptEnd {
  /** Of an answer. */
  readonly response:
    | {
        readonly status: number;
        readonly headers: Readonly<Record<string, string>>;
        readonly body: KeptBody | undefined;
      }
    | undefined;
  /** The platform's own code where the function did not answer. */
  readonly error: StoredError | undefined;
}

/** A claimed task as an event of the delivery loop. */
export interface TaskEvent extends SourceEvent {
  readonly row: TaskRow;
  /** Set when its call has ended. */
  end: AttemptEnd | undefined;
  /** Set when it is given up. */
  reason: ParkReason | undefined;
}

/** @param row as it was claimed: its attempt is counted already */
export function taskEvent(row: TaskRow): TaskEvent {
  return {
    id: `async:${row.id}`,
    body: row.payload ?? Buffer.alloc(0),
    json: false,
    headers: {},
    attempt: row.attempt,
    ageMs: failingForMs(row),
    partition: "",
    source: `/v1/functions/${row.function}/invoke-async`,
    timestamp: row.createdAt.toISOString(),
    row,
    end: undefined,
    reason: undefined,
  };
}

export function storedError({ code, message }: Pick<PlatformError, "code" | "message">): StoredError {
  return { code, message };
}

function errorOf(end: AttemptEnd | undefined, failure: Failure | undefined): StoredError | undefined {
  if (end?.error !== undefined) return end.error;
  if (failure === undefined) return undefined;
  const code = failure.status === undefined ? "internal" : `http_${failure.status}`;
  return { code, message: failure.error };
}

/** The outcome columns: all that is known of the latest attempt. */
export function outcomeOf(
  end: AttemptEnd | undefined,
  failure: Failure | undefined,
): QueueOutcome<TaskTypes> {
  const error = errorOf(end, failure);
  const { response } = end ?? {};
  return {
    ...(error === undefined ? {} : { error }),
    ...(response === undefined
      ? {}
      : {
          response: {
            status: response.status,
            headers: response.headers,
            bytes: response.body?.bytes ?? 0,
          },
          result: response.body?.inline ?? null,
          resultRef: response.body?.ref ?? null,
        }),
  };
}

/** How a task ends whose event was given up. */
export function endState(
  { end, reason }: Pick<TaskEvent, "end" | "reason">,
  counted: boolean,
): TaskFinalState {
  if (end?.error?.code === "timeout") return "timeout";
  return reason === "expired" && !counted ? "expired" : "failed";
}
