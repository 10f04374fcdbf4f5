import type { Msg } from "@nats-io/transport-node";
import type { SourceEvent } from "../../delivery/source.ts";
import { openMessage } from "../envelope.ts";
import { eventId } from "../event-id.ts";
import { headersOf } from "../headers.ts";

/** A message that the server gave to us, and until when it is ours. */
export interface Delivered {
  readonly reply: string;
  readonly sequence: number;
  /** From 1; redelivered from 2. */
  readonly deliveries: number;
  readonly event: Omit<SourceEvent, "attempt" | "ageMs">;
  /** Milliseconds since the epoch; see the envelope. */
  readonly notBeforeMs: number | undefined;
  readonly expiresAtMs: number | undefined;
  /** Monotonic milliseconds; no later than when the server gives it to somebody else. */
  untilMs: number;
}

/** Before the four that say where an event is there are two of the account, or none. */
const FIELDS_FROM_END = { deliveries: 5, sequence: 4, timestamp: 2 } as const;

interface Place {
  readonly deliveries: number;
  readonly sequence: number;
  readonly atMs: number;
}

/**
 * `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream sequence>.<consumer sequence>.<nanoseconds>.<pending>`, or the
 * same with `<domain>.<account>` before the stream and a random token at the end.
 */
function placeOf(reply: string): Place {
  const tokens = reply.split(".");
  const from = tokens.length === 9 ? tokens.length : 11;
  const at = (fromEnd: number): string => tokens[from - fromEnd] ?? "";
  return {
    deliveries: Number(at(FIELDS_FROM_END.deliveries)),
    sequence: Number(at(FIELDS_FROM_END.sequence)),
    atMs: Number(at(FIELDS_FROM_END.timestamp).slice(0, -6)),
  };
}

function* fieldsOf(message: Msg): Iterable<readonly [string, string]> {
  for (const [name, values] of message.headers ?? []) for (const value of values) yield [name, value];
}

export interface Where {
  readonly stream: string;
  readonly incarnation: number;
  readonly untilMs: number;
}

export function readMessage(message: Msg, where: Where): Delivered {
  const reply = message.reply ?? "";
  const { deliveries, sequence, atMs } = placeOf(reply);
  const { subject, data } = message;
  const opened = openMessage(Buffer.from(data.buffer, data.byteOffset, data.byteLength), atMs);
  return {
    reply,
    sequence,
    deliveries,
    notBeforeMs: opened.notBeforeMs,
    expiresAtMs: opened.expiresAtMs,
    untilMs: where.untilMs,
    event: {
      id: eventId(where, sequence),
      body: opened.body,
      json: opened.json,
      headers: headersOf(fieldsOf(message), opened.headers),
      // A queue is one partition, and the subject is the key of its events.
      partition: "",
      key: subject,
      source: subject,
      timestamp: opened.timestamp ?? new Date(atMs).toISOString(),
    },
  };
}
