import type { ErrorDetail, PlatformError } from "@hanzo-fn/contract";
import { excerpt, type Place, placeIn } from "./excerpt.ts";
import { MANIFEST_FILE } from "./function-settings.ts";

const MAX_DETAILS = 10;
/** Frames of a trace that are not the author's say little. */
const MAX_TRACE_LINES = 30;

const indented = (lines: readonly string[], by: number): string[] =>
  lines.map((line) => `${" ".repeat(by)}${line}`);

function placeOf(detail: ErrorDetail, error: PlatformError): Place | undefined {
  if (detail.line === undefined) return undefined;
  const file = error.code === "build_failed" ? detail.path : MANIFEST_FILE;
  return file === undefined ? undefined : { file, line: detail.line, column: detail.column ?? 1 };
}

function detailLines(detail: ErrorDetail, error: PlatformError, root: string): string[] {
  const place = placeOf(detail, error);
  const path = detail.path === undefined || place?.file === detail.path ? "" : `${detail.path}: `;
  const suggestion = detail.suggestion === undefined ? "" : ` — ${detail.suggestion}`;
  const at = place === undefined ? "" : `${place.file}:${place.line}:${place.column} `;
  const around = place === undefined ? (detail.excerpt?.split("\n") ?? []) : excerpt(root, place);
  return [`  ${at}${path}${detail.rule}${suggestion}`, ...indented(around, 4)];
}

function placeLines(trace: string, root: string): string[] {
  const place = placeIn(trace, root);
  if (place === undefined) return [];
  return [`  at ${place.file}:${place.line}`, ...indented(excerpt(root, place), 4)];
}

/** An error as lines for a reader: what, where with the source around it, and what to do next. */
export function describeError(error: PlatformError, root: string): string[] {
  const details = error.details ?? [];
  const next = error.next === undefined ? [] : [`  next: ${error.next}`];
  const title = `✗ ${error.message} (${error.code})`;
  if (error.code === "load_failed") {
    const trace = details.map(({ rule }) => rule);
    const shown = trace.slice(-MAX_TRACE_LINES);
    return [title, ...placeLines(trace.join("\n"), root), ...indented(shown, 2), ...next];
  }
  const shown = details.slice(0, MAX_DETAILS);
  const rest = details.length > shown.length ? [`  and ${details.length - shown.length} more`] : [];
  return [title, ...shown.flatMap((detail) => detailLines(detail, error, root)), ...rest, ...next];
}

/** A trace that a handler left in the log, with the source around its place; undefined where the text is none. */
export function describeTrace(text: string, root: string): { title: string; lines: string[] } | undefined {
  const lines = text.trimEnd().split("\n");
  if (lines.length === 1 || placeIn(text, root) === undefined) return undefined;
  const isPython = (lines[0] as string).startsWith("Traceback ");
  const title = (isPython ? lines.at(-1) : lines[0]) as string;
  const frames = isPython ? lines.slice(1, -1) : lines.slice(1);
  return { title, lines: [...placeLines(text, root), ...indented(frames.slice(-MAX_TRACE_LINES), 2)] };
}
