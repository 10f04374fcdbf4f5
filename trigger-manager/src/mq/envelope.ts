import { isObject, memberBytes } from "./json-bytes.ts";

/** A message as a trigger hands it on. */
export interface Opened {
  readonly body: Buffer;
  /** `body` is JSON text. */
  readonly json: boolean;
  /** What the envelope says of the message besides its data. */
  readonly headers: Readonly<Record<string, string>>;
  /** RFC 3339. */
  readonly timestamp?: string | undefined;
  /** Milliseconds since the epoch: not to be delivered before. */
  readonly notBeforeMs?: number | undefined;
  /** Milliseconds since the epoch: not to be delivered after. */
  readonly expiresAtMs?: number | undefined;
}

const SCHEMA = "hanzo.mq.";
/** `{` and `[` alone begin what can have members; anything else is told apart by `JSON.parse`. */
const ENVELOPE_HINT = Buffer.from('"hanzo.mq.');
/** Members that are told to the function, and the headers that carry them. */
const TOLD = ["schema", "id", "type", "source", "priority", "org_id", "team_id"] as const;

const text = new TextDecoder("utf-8", { fatal: true });

function parse(body: Buffer): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text.decode(body)) as unknown };
  } catch {
    return undefined;
  }
}

function timeOf(value: unknown): number | undefined {
  if (typeof value !== "string") return undefined;
  const ms = Date.parse(value);
  return Number.isNaN(ms) ? undefined : ms;
}

/** One line, whatever was sent: it becomes the value of a header. */
function told(value: unknown): string | undefined {
  if (typeof value !== "string" && typeof value !== "number") return undefined;
  // oxlint-disable-next-line no-control-regex -- they cannot be in a header
  return String(value).replaceAll(/[\u0000-\u001f\u007f]+/g, " ");
}

function openEnvelope(
  envelope: Readonly<Record<string, unknown>>,
  body: Buffer,
  publishedAtMs: number,
): Opened {
  const headers: Record<string, string> = {};
  for (const name of TOLD) {
    const value = told(envelope[name]);
    if (value !== undefined) headers[`x-mq-${name.replaceAll("_", "-")}`] = value;
  }
  const sentAtMs = timeOf(envelope["timestamp"]);
  const ttl = envelope["ttl_seconds"];
  return {
    // The bytes as they came: numbers that JavaScript cannot hold arrive as they were sent.
    body: memberBytes(body, "data") ?? Buffer.from("null"),
    json: true,
    headers,
    timestamp: sentAtMs === undefined ? undefined : new Date(sentAtMs).toISOString(),
    notBeforeMs: timeOf(envelope["delay_until"]),
    expiresAtMs: typeof ttl === "number" && ttl > 0 ? (sentAtMs ?? publishedAtMs) + ttl * 1000 : undefined,
  };
}

/**
 * What the function gets of a message (HIP-55): the `data` of an envelope whose `schema` begins with `hanzo.mq.`, else
 * the message as it is.
 * @param publishedAtMs when the broker took it, for a `ttl_seconds` without a `timestamp`
 */
export function openMessage(body: Buffer, publishedAtMs: number): Opened {
  const parsed = parse(body);
  if (parsed === undefined) return { body, json: false, headers: {} };
  const { value } = parsed;
  if (body.includes(ENVELOPE_HINT) && isObject(value)) {
    const { schema } = value;
    if (typeof schema === "string" && schema.startsWith(SCHEMA))
      return openEnvelope(value, body, publishedAtMs);
  }
  return { body, json: true, headers: {} };
}
