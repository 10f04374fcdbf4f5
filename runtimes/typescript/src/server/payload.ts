import type { Trigger } from "../context.ts";
import type { BatchItem, CloudEvent } from "../event.ts";
import { RequestHeaders } from "../request-headers.ts";
import { decodeText, mediaType, parseData } from "./body.ts";
import { parseJson, SearchParams } from "./intrinsics.ts";

/** What a whole body says: section 3 and section 8 of the runtime contract. */
export interface Said {
  readonly data: unknown;
  readonly event: CloudEvent | null;
  readonly batch: readonly BatchItem[] | null;
}

export interface Incoming {
  readonly body: Uint8Array;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly query: () => URLSearchParams;
  readonly trigger: () => Trigger;
}

class Malformed extends Error {}

const NO_HEADERS = new RequestHeaders({});

/** Reads the body, or gives the reason why it cannot be what its headers say. */
export function readPayload(incoming: Incoming): Said | { readonly invalid: string } {
  const { body, headers, query } = incoming;
  const declared = headers["content-type"];
  const contentType = typeof declared === "string" ? declared : undefined;
  const type = contentType === undefined ? "" : mediaType(contentType);
  try {
    if (type === "application/cloudevents+json") return structured(parseBody(body));
    if (type === "application/cloudevents-batch+json")
      return batchOf(eventItems(parseBody(body), incoming.trigger()));
    if (type === "application/vnd.hanzo.batch+json")
      return batchOf(ownItems(parseBody(body), incoming.trigger()));
  } catch (error) {
    if (error instanceof Malformed) return { invalid: error.message };
    throw error;
  }
  const parsed = parseData(body, contentType, query);
  if ("invalid" in parsed) return { invalid: `it is declared JSON but does not parse: ${parsed.invalid}` };
  const event = headers["ce-specversion"] === "1.0" ? binaryEvent(headers, contentType) : null;
  return { data: parsed.data, event, batch: null };
}

function parseBody(body: Uint8Array): unknown {
  const text = decodeText(body);
  if (text === undefined) throw new Malformed("it is not UTF-8");
  try {
    return parseJson(text);
  } catch (error) {
    throw new Malformed(`it is declared JSON but does not parse: ${(error as Error).message}`);
  }
}

function binaryEvent(headers: Incoming["headers"], contentType: string | undefined): CloudEvent {
  const event: Record<string, unknown> = {};
  for (const name of Object.keys(headers)) {
    const value = headers[name];
    if (name.startsWith("ce-") && typeof value === "string") event[name.slice(3)] = decodeAttribute(value);
  }
  if (contentType !== undefined) event["datacontenttype"] = contentType;
  return event as CloudEvent;
}

/** The header values of CloudEvents' HTTP binding, 3.1.3.2: quotes first, then one round of percent-decoding. */
function decodeAttribute(value: string): string {
  const quoted = /^"(.*)"$/.exec(value)?.[1];
  const plain = quoted === undefined ? value : quoted.replaceAll(/\\(.)/g, "$1");
  if (!plain.includes("%")) return plain;
  return plain.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) =>
    Buffer.from(escapes.replaceAll("%", ""), "hex").toString("utf8"),
  );
}

function structured(value: unknown): Said {
  const { event, data } = readEvent(value);
  return { data, event, batch: null };
}

const REQUIRED = ["id", "source", "type"] as const;

function readEvent(value: unknown): { event: CloudEvent; data: unknown } {
  const { data, data_base64: base64, ...attributes } = record(value, "an event");
  if (attributes["specversion"] !== "1.0") throw new Malformed("an event needs the specversion 1.0");
  for (const name of REQUIRED) {
    if (!isText(attributes[name]))
      throw new Malformed(`an event needs "${name}", a string that is not empty`);
  }
  const event = attributes as CloudEvent;
  return {
    event,
    data: base64 === undefined ? (data ?? null) : decodeData(base64, attributes["datacontenttype"]),
  };
}

function decodeData(base64: unknown, contentType: unknown): unknown {
  if (
    typeof base64 !== "string" ||
    !/^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/.test(base64)
  )
    throw new Malformed('"data_base64" is no base64');
  const type = typeof contentType === "string" ? contentType : undefined;
  const parsed = parseData(Buffer.from(base64, "base64"), type, () => new SearchParams());
  if ("invalid" in parsed)
    throw new Malformed(`"data_base64" is declared JSON but does not parse: ${parsed.invalid}`);
  return parsed.data;
}

function eventItems(value: unknown, trigger: Trigger): BatchItem[] {
  if (!Array.isArray(value)) throw new Malformed("a batch of events is a list");
  return value.map((one): BatchItem => {
    const { event, data } = readEvent(one);
    const time = event["time"];
    return {
      id: event.id,
      data,
      source: event.source,
      timestamp: isText(time) ? time : trigger.timestamp,
      attempt: trigger.attempt,
      headers: NO_HEADERS,
      event,
    };
  });
}

function ownItems(value: unknown, trigger: Trigger): BatchItem[] {
  const { items } = record(value, "a batch");
  if (!Array.isArray(items)) throw new Malformed('a batch needs "items", a list');
  const seen = new Set<string>();
  return items.map((one): BatchItem => {
    const item = record(one, "an item");
    const { id, source, timestamp, attempt } = item;
    if (!isText(id)) throw new Malformed('an item needs "id", a string that is not empty');
    if (!Object.hasOwn(item, "data")) throw new Malformed(`the item "${id}" has no "data"`);
    if (seen.has(id)) throw new Malformed(`the id "${id}" is there twice`);
    seen.add(id);
    return {
      id,
      data: item["data"],
      source: isText(source) ? source : trigger.source,
      timestamp: isText(timestamp) ? timestamp : trigger.timestamp,
      attempt: typeof attempt === "number" ? attempt : trigger.attempt,
      headers: itemHeaders(item["headers"]),
      event: null,
    };
  });
}

function itemHeaders(value: unknown): RequestHeaders {
  if (typeof value !== "object" || value === null) return NO_HEADERS;
  return new RequestHeaders(
    Object.fromEntries(Object.entries(value).map(([name, one]) => [name.toLowerCase(), String(one)])),
  );
}

function batchOf(batch: readonly BatchItem[]): Said {
  return { data: batch.map(({ data }) => data), event: null, batch };
}

function record(value: unknown, what: string): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Malformed(`${what} is a JSON object`);
  return value as Record<string, unknown>;
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
