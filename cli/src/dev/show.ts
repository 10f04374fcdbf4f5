import { existsSync } from "node:fs";
import { join } from "node:path";
import type { PlatformError } from "@hanzo-fn/contract";
import type { InstanceLine } from "@hanzo-fn/instance";
import type { Output } from "../output.ts";
import { milliseconds } from "../words.ts";
import { describeError } from "./describe-error.ts";

/** What `hanzo-fn dev` tells; a line of JSON each with `-o json`. */
export type DevEvent =
  | { readonly event: "listening"; readonly url: string; readonly source: string }
  | { readonly event: "changed"; readonly files: readonly string[] }
  | {
      readonly event: "ready";
      readonly function: string;
      readonly revision: string;
      readonly ms: number;
    }
  | { readonly event: "failed"; readonly error: PlatformError; readonly ms: number }
  | { readonly event: "exited"; readonly error: PlatformError }
  | {
      readonly event: "request";
      readonly method: string;
      readonly path: string;
      readonly status: number;
      readonly ms: number;
      readonly request_id: string;
      readonly error?: string;
    }
  | { readonly event: "log"; readonly line: InstanceLine }
  | { readonly event: "note"; readonly text: string };

export type Show = (event: DevEvent) => void;

function plain(event: DevEvent): Record<string, unknown> {
  if (event.event === "failed" || event.event === "exited") {
    const { code, message, details, next } = event.error;
    return { ...event, error: { code, message, details, next } };
  }
  if (event.event !== "log") return event;
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

function logText({ tsMs, level, msg, requestId, fields }: InstanceLine): string {
  const rest = { ...fields };
  const more = Object.keys(rest).length === 0 ? "" : ` ${JSON.stringify(rest)}`;
  const request = requestId === undefined ? "" : `  ${requestId}`;
  return `${clockText(tsMs)}  ${level.padEnd(5)} ${msg}${more}${request}`;
}

/** Lines for a reader on stderr, what the function wrote and the requests on stdout. */
export function createShow(output: Output, root: string): Show {
  if (output.format === "json") return (event) => output.line(JSON.stringify(plain(event)));
  let files: readonly string[] = [];
  const show = (event: DevEvent): void => {
    switch (event.event) {
      case "listening":
        return output.note(`Listening on ${event.url}`);
      case "changed":
        files = [...new Set([...files, ...event.files])];
        return undefined;
      case "ready": {
        // What an editor wrote and renamed is no news.
        const there = files.filter((file) => existsSync(join(root, file)));
        const more = there.length > 3 ? ", …" : "";
        const what = there.length === 0 ? "" : `${there.slice(0, 3).join(", ")}${more}: `;
        files = [];
        return output.note(`✓ ${what}${event.revision} serves [${milliseconds(event.ms)}]`);
      }
      case "failed":
        files = [];
        return describeError(event.error, root).forEach((line) => output.problem(line));
      case "exited":
        return describeError(event.error, root).forEach((line) => output.problem(line));
      case "request":
        return output.line(
          `${clockText(Date.now())}  ${event.method} ${event.path} ${event.status} ${milliseconds(event.ms)}  ${event.request_id}`,
        );
      case "log":
        return output.line(logText(event.line));
      case "note":
        return output.note(event.text);
      default:
        return event satisfies never;
    }
  };
  return show;
}
