import type { ErrorDetail, PlatformError } from "@hanzo-fn/contract";
import { MANIFEST_FILE } from "./function-settings.ts";
import { excerpt, placeIn } from "./excerpt.ts";

const MAX_DETAILS = 10;

function placeOf(
  detail: ErrorDetail,
  error: PlatformError,
): { file: string; line: number; column: number } | undefined {
  if (detail.line === undefined) return undefined;
  const file = error.code === "build_failed" ? detail.path : MANIFEST_FILE;
  return file === undefined ? undefined : { file, line: detail.line, column: detail.column ?? 1 };
}

function detailLines(detail: ErrorDetail, error: PlatformError, root: string): string[] {
  const place = placeOf(detail, error);
  const path = detail.path === undefined || place?.file === detail.path ? "" : `${detail.path}: `;
  const suggestion = detail.suggestion === undefined ? "" : ` — ${detail.suggestion}`;
  const at = place === undefined ? "" : `${place.file}:${place.line}:${place.column} `;
  const lines = place === undefined ? [] : excerpt(root, place);
  return [`  ${at}${path}${detail.rule}${suggestion}`, ...lines.map((line) => `    ${line}`)];
}

/** An error as lines for a reader: what, where with the source around it, and what to do next. */
export function describeError(error: PlatformError, root: string): string[] {
  const details = error.details ?? [];
  const isTrace = error.code === "load_failed";
  const shown = isTrace ? details : details.slice(0, MAX_DETAILS);
  const place = isTrace ? placeIn(details.map(({ rule }) => rule).join("\n"), root) : undefined;
  return [
    `✗ ${error.message} (${error.code})`,
    ...(place === undefined
      ? []
      : [`  ${place.file}:${place.line}`, ...excerpt(root, place).map((l) => `    ${l}`)]),
    ...shown.flatMap((detail) => detailLines(detail, error, root)),
    ...(details.length > shown.length ? [`  and ${details.length - shown.length} more`] : []),
    ...(error.next === undefined ? [] : [`  next: ${error.next}`]),
  ];
}
