import { crypto } from "../builtins.ts";
import type { EventInit } from "../event.ts";
import { nowMs } from "./intrinsics.ts";
import { stringify, toBytes } from "./reply.ts";

export const STRUCTURED = "application/cloudevents+json";

/** An event that lacks nothing: its attributes by name, and its data. */
export interface CompleteEvent {
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly contentType: string | undefined;
  readonly data: unknown;
}

/** Adds what the function left out. Throws `TypeError` on what CloudEvents does not allow. */
export function completeEvent(given: EventInit, functionName: string): CompleteEvent {
  const { data, datacontenttype, ...rest } = given;
  const defaults = {
    specversion: "1.0",
    source: `/functions/${functionName}`,
    id: given.id ?? crypto().randomUUID(),
    time: new Date(nowMs()).toISOString(),
  };
  const attributes: Record<string, string | number | boolean> = { ...defaults };
  for (const [name, value] of Object.entries(rest)) {
    if (value === undefined || value === null) continue;
    if (!/^[a-z0-9]+$/.test(name))
      throw new TypeError(`an attribute of an event is named in a-z and 0-9, not "${name}"`);
    if (typeof value !== "string" && typeof value !== "number" && typeof value !== "boolean")
      throw new TypeError(`the attribute "${name}" of an event is a string, a number or a boolean`);
    attributes[name] = value;
  }
  if (attributes["type"] === undefined || attributes["type"] === "")
    throw new TypeError("an event needs a type");
  const none = data === undefined || data === null;
  const usual = toBytes(data) === undefined ? "application/json" : "application/octet-stream";
  return { attributes, data, contentType: datacontenttype ?? (none ? undefined : usual) };
}

/** Attributes as headers and the data as body; no content where the event has no data. */
export function binaryEvent(event: CompleteEvent): {
  readonly headers: ReadonlyArray<readonly [string, string]>;
  readonly content: string | Uint8Array | undefined;
  readonly type: string;
} {
  const { attributes, data, contentType } = event;
  const headers = Object.entries(attributes).map(
    ([name, value]) => [`ce-${name}`, encodeAttribute(String(value))] as const,
  );
  const none = data === undefined || data === null;
  const content = none ? undefined : (toBytes(data) ?? (asText(event) ? (data as string) : stringify(data)));
  return { headers, content, type: contentType ?? "application/json" };
}

/** The one JSON document. */
export function structuredEvent(event: CompleteEvent): Readonly<Record<string, unknown>> {
  const { attributes, data, contentType } = event;
  const bytes = toBytes(data);
  return {
    ...attributes,
    ...(contentType === undefined ? {} : { datacontenttype: contentType }),
    ...(bytes === undefined ? (data === undefined ? {} : { data }) : { data_base64: base64(bytes) }),
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}

/** A string under a type that is not JSON goes out as it is; under JSON it is a JSON string. */
function asText({ data, contentType }: CompleteEvent): boolean {
  return typeof data === "string" && !/^[^;]*[/+]json\s*(?:;|$)/i.test(contentType ?? "application/json");
}

/** The header values of CloudEvents' HTTP binding, 3.1.3.2. */
function encodeAttribute(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[^\u0021\u0023\u0024\u0026-\u007e]+/g, (part) =>
      [...Buffer.from(part, "utf8")]
        .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, "0")}`)
        .join(""),
    );
}
