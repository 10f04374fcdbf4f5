import type { FunctionLogEntry } from "@hanzo-fn/contract";

const MAX_MESSAGE = 64 * 1024;
const MAX_FIELDS = 64 * 1024;
/** What a waiting line takes beside its texts. */
const OVERHEAD_BYTES = 200;

export interface ClippedLine {
  readonly entry: FunctionLogEntry;
  /** Memory it takes, about. */
  readonly bytes: number;
}

/** The line with its message and fields cut to 64 KiB of characters each; it says so where it was. */
export function clipLine(entry: FunctionLogEntry): ClippedLine {
  const size = entry.fields === undefined ? 0 : fieldsSize(entry.fields);
  const bytes = OVERHEAD_BYTES + 2 * Math.min(entry.msg.length, MAX_MESSAGE) + 2 * Math.min(size, MAX_FIELDS);
  if (entry.msg.length <= MAX_MESSAGE && size <= MAX_FIELDS) return { entry, bytes };
  return { entry: { ...entry, msg: clipMessage(entry.msg), ...clipFields(entry, size) }, bytes };
}

function clipMessage(msg: string): string {
  if (msg.length <= MAX_MESSAGE) return msg;
  return `${msg.slice(0, MAX_MESSAGE)} … (${msg.length - MAX_MESSAGE} more characters)`;
}

function clipFields(entry: FunctionLogEntry, size: number): Pick<FunctionLogEntry, "fields"> {
  if (size <= MAX_FIELDS) return entry.fields === undefined ? {} : { fields: entry.fields };
  const why = Number.isFinite(size) ? `fields of ${size} characters` : "fields that are no JSON";
  return { fields: { dropped: why } };
}

function fieldsSize(fields: Readonly<Record<string, unknown>>): number {
  try {
    return JSON.stringify(fields).length;
  } catch {
    // A cycle, or a BigInt.
    return Number.POSITIVE_INFINITY;
  }
}
