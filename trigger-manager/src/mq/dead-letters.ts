import { REDRIVE_OF } from "@hanzo-fn/contract";
import { type Message, messageKey } from "@hanzo-fn/brokers";
import type { DeadLetter } from "../delivery/parking.ts";
import type { LetterToRedrive } from "../manager/redrive.ts";

const MAX_SUBJECT = 255;
const MAX_ERROR = 1024;
const DLQ = "mq.dlq.";

/** One line of printable ASCII, as ids and headers of brokers are. */
function line(text: string, max: number): string {
  return text.replaceAll(/[^\x20-\x7e]+/g, " ").slice(0, max);
}

/** Where parked events of a subject go; whole parts of one that is too long are left out at its end. */
function dlqOf(subject: string): string {
  let target = DLQ + subject;
  while (target.length > MAX_SUBJECT && target.includes("."))
    target = target.slice(0, target.lastIndexOf("."));
  return target.slice(0, MAX_SUBJECT);
}

/** What was in the envelope's fields, and the data in it again: readers of queues know no other form. */
function wrap(
  body: Buffer,
  headers: Readonly<Record<string, string>>,
  timestamp: string | undefined,
): Buffer {
  const priority = Number(headers["x-mq-priority"] ?? Number.NaN);
  const rest = JSON.stringify({
    schema: headers["x-mq-schema"],
    id: headers["x-mq-id"],
    type: headers["x-mq-type"],
    source: headers["x-mq-source"],
    timestamp,
    priority: Number.isNaN(priority) ? undefined : priority,
    org_id: headers["x-mq-org-id"],
    team_id: headers["x-mq-team-id"],
  });
  return Buffer.concat([Buffer.from(`${rest.slice(0, -1)},"data":`), body, Buffer.from("}")]);
}

/** As it was sent, as far as we know: headers of the envelope are in the envelope again. */
function original(event: {
  readonly body: Buffer;
  readonly json: boolean;
  readonly headers: Readonly<Record<string, string>>;
  readonly timestamp?: string | undefined;
}): { readonly body: Buffer; readonly headers: Record<string, string> } {
  const { headers, body, json } = event;
  const own = Object.entries(headers).filter(([name]) => !/^(?:x-mq|nats)-/.test(name));
  const isWrapped = json && headers["x-mq-schema"] !== undefined;
  return {
    headers: Object.fromEntries(own),
    body: isWrapped ? wrap(body, headers, event.timestamp) : body,
  };
}

/**
 * What the dead letters of the queue get of a parked event (HIP-55); undefined where it came from them itself.
 * @param target the trigger's `dead_letter`, where it has one
 */
export function parkedMessage(
  { event, failure, attempts }: DeadLetter,
  facts: { readonly function: string; readonly triggerId: string; readonly target: string | undefined },
): Message | undefined {
  if (event.source.startsWith(DLQ)) return undefined;
  const { body, headers } = original(event);
  return {
    target: facts.target ?? dlqOf(event.source),
    // The same event is parked once, by each trigger that gave it up.
    id: messageKey(line(`${facts.triggerId}/${event.id}`, Number.POSITIVE_INFINITY)),
    headers: {
      ...headers,
      "X-Original-Subject": line(event.source, MAX_SUBJECT),
      "X-Error": line(failure.error, MAX_ERROR),
      "X-Attempts": String(attempts),
      "X-Function-Name": facts.function,
    },
    body,
  };
}

/** The new event of a dead letter, under one id however often it is asked for. */
export function redrivenMessage({ id, payload, json, headers, source }: LetterToRedrive): Message {
  const { body, headers: own } = original({ body: payload, json, headers });
  return { target: source, id: `redrive/${id}`, headers: { ...own, [REDRIVE_OF]: id }, body };
}
