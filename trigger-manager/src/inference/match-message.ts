import { type Message, messageKey } from "@hanzo-fn/brokers";
import type { SourceEvent } from "../delivery/index.ts";
import { headersOf } from "../mq/headers.ts";
import { subjectOf } from "./matches.ts";

/** What the function is to know of the record, beside its bytes. Never sent by anybody else: publishers overwrite them. */
const EVENT_ID = "hanzo-event-id";
const EVENT_TIME = "hanzo-event-time";
const OURS: ReadonlySet<string> = new Set([EVENT_ID, EVENT_TIME]);

const MAX_ID = 128;

/**
 * The key for duplicates: the same whenever the record is read again. With its time, since a topic that was deleted
 * and made again has other records at the same offsets.
 */
function duplicateKey({ id, timestamp = "" }: SourceEvent, triggerId: string): string {
  return messageKey(`${id}@${Date.parse(timestamp).toString(36)}/${triggerId}`);
}

function carried(event: SourceEvent): Record<string, string> {
  const headers = Object.entries(headersOf(Object.entries(event.headers), {}));
  return Object.fromEntries(
    headers.filter(([name]) => !name.startsWith("nats-") && name.length <= MAX_ID && !OURS.has(name)),
  );
}

/** A record of the topic, for the queue of one trigger that wants it: its bytes as they are. */
export function matchMessage(event: SourceEvent, triggerId: string): Message {
  return {
    target: subjectOf(triggerId),
    id: duplicateKey(event, triggerId),
    headers: { ...carried(event), [EVENT_ID]: event.id, [EVENT_TIME]: event.timestamp ?? "" },
    body: event.body,
  };
}

/** The record again, of what the queue handed out: the event is known by its place in the topic, not in the queue. */
export function recordOf(event: SourceEvent, topic: string): SourceEvent {
  const { [EVENT_ID]: id = event.id, [EVENT_TIME]: timestamp, ...headers } = event.headers;
  // An event that was redriven has its own place, and its own time.
  return { ...event, id, headers, source: topic, key: undefined, timestamp: timestamp || event.timestamp };
}
