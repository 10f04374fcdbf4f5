import { isUtf8 } from "node:buffer";

/** One record of a topic, as any broker keeps it. */
export interface StreamRecord {
  readonly offset: number;
  readonly key: Buffer | undefined;
  /** Undefined for a tombstone. */
  readonly value: Buffer | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds since the epoch. */
  readonly timestampMs: number;
}

export interface RecordBody {
  /** JSON text. */
  readonly body: Buffer;
  /** `org_id` of the envelope (HIP-30), where it has one. */
  readonly org: string | undefined;
}

/** Headers and bookkeeping count as well where room is measured. */
const OVERHEAD_BYTES = 64;

export function sizeOf({ key, value }: StreamRecord): number {
  return OVERHEAD_BYTES + (key?.length ?? 0) + (value?.length ?? 0);
}

function textOf(bytes: Buffer | undefined): string | null {
  return bytes === undefined ? null : bytes.toString("utf8");
}

/** What is no JSON becomes `{"key", "value"}`, with strings; bytes that are no text are written in base64, and said to be. */
function wrapped({ key, value }: StreamRecord): Buffer {
  const isText = (value === undefined || isUtf8(value)) && (key === undefined || isUtf8(key));
  if (isText) return Buffer.from(JSON.stringify({ key: textOf(key), value: textOf(value) }));
  const coded = [key, value].map((bytes) => bytes?.toString("base64") ?? null);
  return Buffer.from(JSON.stringify({ key: coded[0], value: coded[1], encoding: "base64" }));
}

/** `ctx.data` of a record: the whole envelope as its bytes came, or a wrapping of what is no JSON. */
export function bodyOf(record: StreamRecord): RecordBody {
  const { value } = record;
  if (value === undefined || !isUtf8(value)) return { body: wrapped(record), org: undefined };
  try {
    const data: unknown = JSON.parse(value.toString("utf8"));
    const org = typeof data === "object" && data !== null && "org_id" in data ? data.org_id : undefined;
    return { body: value, org: typeof org === "string" && org !== "" ? org : undefined };
  } catch {
    return { body: wrapped(record), org: undefined };
  }
}

const ORG_PREFIX = "org_";

function bare(org: string): string {
  return org.startsWith(ORG_PREFIX) ? org.slice(ORG_PREFIX.length) : org;
}

/** Whether an organisation may see a record: events say `org_hanzo` where tokens say `hanzo`. */
export function belongsTo(org: string, recordOrg: string | undefined): boolean {
  return recordOrg === undefined || recordOrg === org || bare(recordOrg) === bare(org);
}
