import { fs } from "../builtins.ts";
import { encodeJson, nowMs } from "./intrinsics.ts";

export type Level = "debug" | "info" | "warn" | "error";
export type Stream = "stdout" | "stderr" | "log";

export interface Entry {
  readonly level: Level;
  readonly stream: Stream;
  readonly msg: string;
  readonly requestId: string | undefined;
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  /** Bytes already left out of `msg`. */
  readonly dropped?: number;
}

/** Bytes of UTF-8 that a `msg`, and `fields` as JSON, may have: section 5 of the runtime contract. */
export const LINE_LIMIT = 64 * 1024;

/** One entry as one line of JSON, with its line break. */
export function encodeEntry(entry: Entry, atMs: number): string {
  const { text, dropped } = cut(entry.msg);
  let truncated = dropped + (entry.dropped ?? 0);
  let line = `{"ts":"${new Date(atMs).toISOString()}","level":"${entry.level}","msg":${encodeJson(text)},"stream":"${entry.stream}"`;
  if (entry.requestId !== undefined) line += `,"request_id":${encodeJson(entry.requestId)}`;
  if (entry.fields !== undefined) {
    const fields = encodeFields(entry.fields);
    const size = Buffer.byteLength(fields);
    if (size > LINE_LIMIT) truncated += size;
    else line += `,"fields":${fields}`;
  }
  return truncated === 0 ? `${line}}\n` : `${line},"truncated":${truncated}}\n`;
}

/** The longest start of `text` within the limit that ends between two characters. */
export function cut(text: string): { readonly text: string; readonly dropped: number } {
  if (text.length * 3 <= LINE_LIMIT) return { text, dropped: 0 };
  const size = Buffer.byteLength(text);
  if (size <= LINE_LIMIT) return { text, dropped: 0 };
  const bytes = Buffer.from(text.slice(0, LINE_LIMIT + 1));
  let end = LINE_LIMIT;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return { text: bytes.toString("utf8", 0, end), dropped: size - end };
}

function encodeFields(fields: Readonly<Record<string, unknown>>): string {
  try {
    return encodeJson(fields) ?? "{}";
  } catch {
    return encodeJson(
      Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, plain(value)])),
    );
  }
}

/** What JSON cannot hold becomes its text, since a log line must not fail. */
function plain(value: unknown): unknown {
  try {
    return encodeJson(value) === undefined ? String(value) : value;
  } catch {
    return typeof value === "bigint" ? String(value) : Object.prototype.toString.call(value);
  }
}

const RETRY_MS = 1;

/**
 * Writes all of `text` before it returns. Synchronous on purpose: lines are out before an exit, stay in order, and
 * a function that logs faster than the platform reads is held up instead of filling its memory.
 */
export function writeAll(fd: number, text: string): void {
  let rest = Buffer.from(text);
  while (rest.byteLength > 0) {
    try {
      rest = rest.subarray(fs.writeSync(fd, rest));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Nobody reads any more: there is no one left to tell.
      if (code !== "EAGAIN" && code !== "EINTR") return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

export interface LogWriter {
  write(entry: Entry): void;
}

export function createLogWriter(fd: number): LogWriter {
  return { write: (entry) => writeAll(fd, encodeEntry(entry, nowMs())) };
}
