import { existsSync } from "node:fs";
import { join } from "node:path";
import type { PlatformError } from "@hanzo-fn/contract";
import type { InstanceLine } from "@hanzo-fn/instance";
import type { Output } from "../output.ts";
import { milliseconds } from "../words.ts";
import { describeError, describeTrace } from "./describe-error.ts";

/** What `hanzo-fn dev` tells; a line of JSON each with `-o json`. */
export type DevEvent =
  | { readonly event: "listening"; readonly url: string; readonly source: string }
  | { readonly event: "changed"; readonly files: readonly string[] }
  | { readonly event: "ready"; readonly function: string; readonly revision: string; readonly ms: number }
  | { readonly event: "failed"; readonly error: PlatformError; readonly ms: number }
  | { readonly event: "exited"; readonly error: PlatformError }
  | RequestEvent
  | { readonly event: "log"; readonly line: InstanceLine }
  /** By `ctx.publish`, where no broker is configured; `message` is the text that a broker would get. */
  | { readonly event: "published"; readonly subject: string; readonly message: string }
  | { readonly event: "note"; readonly text: string };

interface RequestEvent {
  readonly event: "request";
  readonly method: string;
  readonly path: string;
  readonly status: number;
  readonly ms: number;
  readonly request_id: string;
  readonly error?: string;
}

export type Show = (event: DevEvent) => void;

/** What Node's inspector says of itself; dev has said it already. */
const INSPECTOR_LINES =
  /^(?:Debugger (?:listening|attached|ending)|For help, see: https:|Waiting for the debugger)/;
const MAX_FILES = 3;

function plain(event: DevEvent): Record<string, unknown> {
  if (event.event === "failed" || event.event === "exited") {
    const { code, message, details, next } = event.error;
    return { ...event, error: { code, message, details, next } };
  }
  if (event.event !== "log") return { ...event };
  const { tsMs, level, msg, stream, requestId, fields } = event.line;
  return {
    event: "log",
    ts: new Date(tsMs).toISOString(),
    level,
    msg,
    stream,
    request_id: requestId,
    fields,
  };
}

function clockText(ms: number): string {
  return new Date(ms).toTimeString().slice(0, 8);
}

function logLines({ tsMs, level, msg, requestId, fields, stream }: InstanceLine, root: string): string[] {
  const head = `${clockText(tsMs)}  ${level.padEnd(5)} `;
  const request = requestId === undefined ? "" : `  ${requestId}`;
  const trace = level === "error" && stream !== "stdout" ? describeTrace(msg, root) : undefined;
  if (trace !== undefined) return [`${head}${trace.title}${request}`, ...trace.lines];
  const more = fields === undefined || Object.keys(fields).length === 0 ? "" : ` ${JSON.stringify(fields)}`;
  return [`${head}${msg}${more}${request}`];
}

function requestLine({ method, path, status, ms, request_id }: RequestEvent, now: number): string {
  return `${clockText(now)}  ${method} ${path} ${status} ${milliseconds(ms)}  ${request_id}`;
}

/** Which files changed, in words; what an editor wrote and renamed is no news. */
function changedText(files: readonly string[], root: string): string {
  const there = files.filter((file) => existsSync(join(root, file)));
  if (there.length === 0) return "";
  return `${there.slice(0, MAX_FILES).join(", ")}${there.length > MAX_FILES ? ", …" : ""}: `;
}

/** What the function wrote and the requests go to stdout, everything else to stderr. */
export function createShow(output: Output, root: string): Show {
  if (output.format === "json") return (event) => output.line(JSON.stringify(plain(event)));
  let files: readonly string[] = [];
  const problem = (error: PlatformError): void =>
    describeError(error, root).forEach((line) => output.problem(line));
  return (event) => {
    switch (event.event) {
      case "listening":
        return output.note(`Serving ${event.source} at ${event.url}`);
      case "changed":
        files = [...new Set([...files, ...event.files])];
        return undefined;
      case "ready":
        output.note(`✓ ${changedText(files, root)}${event.revision} serves [${milliseconds(event.ms)}]`);
        files = [];
        return undefined;
      case "failed":
        files = [];
        return problem(event.error);
      case "exited":
        return problem(event.error);
      case "request":
        return output.line(requestLine(event, Date.now()));
      case "log":
        if (INSPECTOR_LINES.test(event.line.msg)) return undefined;
        return logLines(event.line, root).forEach((line) => output.line(line));
      case "published":
        return output.line(`${clockText(Date.now())}  published to ${event.subject}: ${event.message}`);
      case "note":
        return output.note(event.text);
      default:
        return event satisfies never;
    }
  };
}
