import { LOG_LEVELS, type LogLevel } from "@hanzo-fn/contract";
import type { InstanceLine } from "./instance.ts";

/** The longest text of a line (runtimes/contract.md, section 5). */
const MAX_TEXT_BYTES = 64 * 1024;
/**
 * The longest line there: 64 KiB of message, of which JSON may write every byte as six, as much of fields, and the rest of the
 * object.
 */
export const MAX_LINE_BYTES = (6 + 1) * MAX_TEXT_BYTES + 4096;
const LEVELS: ReadonlySet<string> = new Set(LOG_LEVELS);

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function parsed(text: string): Record<string, unknown> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) && typeof value["msg"] === "string" && "ts" in value ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Plain text without its end of line, not longer than the limit. */
function plainText(text: string, cut: boolean): string {
  const whole = text.endsWith("\r") ? text.slice(0, -1) : text;
  const bytes = Buffer.from(whole);
  if (!cut && bytes.length <= MAX_TEXT_BYTES) return whole;
  return `${bytes.toString("utf8", 0, MAX_TEXT_BYTES)} … [line cut at 64 KiB]`;
}

/**
 * A line of runtimes/contract.md section 5, or plain text. A user's own JSON line without `ts` and `msg` is
 * plain text too.
 */
export function parseLogLine(
  text: string,
  from: "stdout" | "stderr",
  cut: boolean,
  nowMs: number,
): InstanceLine {
  const value = cut ? undefined : parsed(text);
  if (!value) {
    const msg = plainText(text, cut);
    return { tsMs: nowMs, level: from === "stdout" ? "info" : "warn", msg, stream: from };
  }
  const { ts, level, msg, stream, request_id: requestId, fields, truncated } = value;
  const tsMs = typeof ts === "string" ? Date.parse(ts) : Number.NaN;
  return {
    tsMs: Number.isNaN(tsMs) ? nowMs : tsMs,
    level: typeof level === "string" && LEVELS.has(level) ? (level as LogLevel) : "info",
    msg: `${msg as string}${typeof truncated === "number" ? ` … [${truncated} bytes cut]` : ""}`,
    stream: stream === "stdout" || stream === "stderr" ? stream : "log",
    ...(typeof requestId === "string" && requestId !== "" ? { requestId } : {}),
    ...(isRecord(fields) ? { fields } : {}),
  };
}
