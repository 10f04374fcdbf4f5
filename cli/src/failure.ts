import { type ErrorCode, type ErrorDetail, errorTable } from "@hanzo-fn/contract/errors";
import { ApiError, UnreachableError } from "./client.ts";
import { EXIT, UsageError } from "./command.ts";
import type { Output } from "./output.ts";

const BY_CODE: Partial<Record<ErrorCode, number>> = {
  not_found: EXIT.notFound,
  unauthorized: EXIT.auth,
  forbidden: EXIT.auth,
  timeout: EXIT.timeout,
  queue_timeout: EXIT.timeout,
  request_timeout: EXIT.timeout,
};

/** The exit code that an error of the table means. */
export function exitCodeOf(code: ErrorCode): number {
  const own = BY_CODE[code];
  if (own !== undefined) return own;
  const { status, fault } = errorTable[code];
  if (status === 409) return EXIT.conflict;
  return fault === "platform" ? EXIT.unavailable : EXIT.failure;
}

/** For an answer without the platform's body, as from a proxy in between. */
function exitCodeOfStatus(status: number): number {
  if (status === 401 || status === 403) return EXIT.auth;
  if (status === 404) return EXIT.notFound;
  if (status === 409) return EXIT.conflict;
  if (status === 408 || status === 504) return EXIT.timeout;
  return status === 502 || status === 503 ? EXIT.unavailable : EXIT.failure;
}

/** A problem as it comes from an API. */
type Detail = Pick<ErrorDetail, "rule"> & {
  readonly [Key in keyof ErrorDetail]?: ErrorDetail[Key] | undefined;
};

/** One problem: where, what, and the source around it where there is an excerpt. */
export function detailLines(detail: Detail): string[] {
  const suggestion = detail.suggestion === undefined ? "" : ` — ${detail.suggestion}`;
  const excerpt = detail.excerpt?.split("\n").map((line) => `      ${line}`) ?? [];
  const isFile = excerpt.length > 0;
  const at = detail.line === undefined ? "" : `${detail.line}:${detail.column ?? 1}`;
  const named = detail.path === undefined || detail.path === "" ? "" : detail.path;
  // A place in the source is written as editors and compilers write it.
  const place = isFile
    ? `${named}:${at}: `
    : `${at === "" ? "" : `${at} `}${named === "" ? "" : `${named}: `}`;
  return [`  ${place}${detail.rule}${suggestion}`, ...excerpt];
}

function describeApiError(error: ApiError): { lines: string[]; exit: number } {
  const body = error.body;
  if (body === undefined) {
    const line = `error: the server answered ${error.status}: ${error.message}`;
    return { lines: [line], exit: exitCodeOfStatus(error.status) };
  }
  const lines = [`error: ${body.msg} (${body.error})`];
  lines.push(...(body.details ?? []).flatMap(detailLines));
  lines.push(`  from ${body.component}, request ${body.requestId}`);
  if (body.next !== undefined) lines.push(`  next: ${body.next}`);
  return { lines, exit: exitCodeOf(body.error) };
}

/** Prints an error with what to do next; gives the exit code. */
export function reportFailure(output: Output, error: unknown, command: string | undefined): number {
  if (error instanceof ApiError) {
    const { lines, exit } = describeApiError(error);
    for (const line of lines) output.problem(line);
    return exit;
  }
  if (error instanceof UsageError) {
    output.problem(`error: ${error.message}`);
    output.problem(`  next: hanzo-fn ${command === undefined ? "help" : `${command} --help`}`);
    return EXIT.usage;
  }
  if (error instanceof UnreachableError) {
    output.problem(`error: ${error.message}`);
    output.problem(
      "  next: start a platform with `hanzo-fn serve`, or name one with --server or `hanzo-fn login`",
    );
    return EXIT.unavailable;
  }
  if (error instanceof Error && error.name === "AbortError") return EXIT.interrupted;
  if ((error as NodeJS.ErrnoException).code === "ECONNRESET") {
    output.problem("error: the connection broke off before the answer was whole");
    output.problem("  next: hanzo-fn doctor says whether the platform answers");
    return EXIT.unavailable;
  }
  const failure = error as {
    message?: string;
    code?: unknown;
    component?: string;
    next?: string;
    details?: readonly { rule: string }[];
  };
  output.problem(`error: ${failure.message ?? String(error)}`);
  for (const detail of failure.details ?? []) output.problem(`  ${detail.rule}`);
  if (failure.component !== undefined) output.problem(`  from ${failure.component}`);
  if (failure.next !== undefined) output.problem(`  next: ${failure.next}`);
  const code = failure.code;
  return typeof code === "string" && code in errorTable ? exitCodeOf(code as ErrorCode) : EXIT.failure;
}
