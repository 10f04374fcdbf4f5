import { MAX_MESSAGE_BYTES, messageKey, publish, type Publishers } from "@hanzo-fn/brokers";
import { type Origin, PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { type DeadLetter, plainData, type SourceEvent, type Succeeded } from "./delivery/index.ts";

/** Where a function's outcomes go, of calls that nobody waits for (manifest, `on_success` and `on_failure`). */
export interface Destinations {
  readonly onSuccess: string | undefined;
  readonly onFailure: string | undefined;
}

export interface DestinationDependencies {
  readonly publishers: Publishers;
  readonly clock: Pick<Clock, "now">;
  readonly log: Pick<Logger, "warn">;
}

/** Whose outcomes they are. */
export interface Outcomes {
  readonly org: string;
  readonly function: string;
  readonly trigger: { readonly id: string; readonly type: string };
}

/** An answer with so much of it can be a message. */
export const ANSWER_BYTES = MAX_MESSAGE_BYTES;
const FINAL: ReadonlySet<string> = new Set(["bad_request", "payload_too_large", "loop_detected"]);

/** As `ctx.data` shows bytes (runtimes/contract.md, section 3); null where there are none. */
export function dataOf(body: Buffer): unknown {
  if (body.length === 0) return null;
  const plain = plainData(body);
  if (plain.encoding !== undefined) return plain;
  try {
    return JSON.parse(plain.body) as unknown;
  } catch {
    return plain;
  }
}

/** Of a function's manifest, as it is kept. */
export function destinationsOf(manifest: Readonly<Record<string, unknown>> | undefined): Destinations {
  const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);
  return { onSuccess: textOf(manifest?.["on_success"]), onFailure: textOf(manifest?.["on_failure"]) };
}

function originOf({ headers }: SourceEvent): Origin {
  const { traceparent, tracestate, "x-request-id": requestId } = headers;
  return { traceparent, tracestate, requestId };
}

async function send(
  deps: DestinationDependencies,
  { org, function: fn }: Outcomes,
  message: {
    readonly subject: string;
    readonly data: unknown;
    readonly event: SourceEvent;
    readonly what: string;
  },
  signal: AbortSignal,
): Promise<void> {
  const { subject, data, event, what } = message;
  // The same whenever the event comes to this end again.
  const publication = { subject, data, id: messageKey(`${what}:${event.id}`) };
  const author = { org, source: `fn/${fn}`, origin: originOf(event) };
  try {
    await publish(deps.publishers, publication, { author, nowMs: deps.clock.now(), signal });
  } catch (error) {
    // What no broker will ever take must not hold up the event.
    if (!(error instanceof PlatformError) || !FINAL.has(error.code)) throw error;
    deps.log.warn("an outcome was not published", {
      error,
      org_id: org,
      function: fn,
      subject,
      event: event.id,
    });
  }
}

/** Publishes the answer to `subject`, once for a call, before its events are settled. */
export function toSuccess(deps: DestinationDependencies, outcomes: Outcomes, subject: string): Succeeded {
  return async ([event], { body, truncated }, signal) => {
    if (event === undefined) return;
    if (truncated) {
      const { org, function: fn } = outcomes;
      deps.log.warn("an answer is too long to be published", { org_id: org, function: fn, event: event.id });
      return;
    }
    await send(deps, outcomes, { subject, data: dataOf(body), event, what: "success" }, signal);
  };
}

/** Tells `subject` of an event that was given up. */
export async function toFailure(
  deps: DestinationDependencies,
  outcomes: Outcomes,
  {
    subject,
    letter,
    data,
  }: { readonly subject: string; readonly letter: DeadLetter; readonly data: unknown },
  signal: AbortSignal,
): Promise<void> {
  const { event, reason, attempts, failure } = letter;
  const { function: fn, trigger } = outcomes;
  const told = {
    ...{ function: fn, trigger, event: event.id, source: event.source, timestamp: event.timestamp },
    ...{ reason, attempts, status: failure.status, error: failure.error, data },
  };
  await send(deps, outcomes, { subject, data: told, event, what: "failure" }, signal);
}
