import type { ErrorDetail, PlatformError } from "@hanzo-fn/contract";
import { buildFailed, registryUnreachable, tailOf, UNREACHABLE } from "../failures.ts";

const MAX_DETAILS = 50;

interface Span {
  readonly file_name: string;
  readonly line_start: number;
  readonly column_start: number;
  readonly is_primary: boolean;
  readonly label?: string | null;
}

/** A line of `--message-format=json`, as far as it is read here. */
interface Message {
  readonly reason?: string;
  readonly message?: {
    readonly level: string;
    readonly message: string;
    readonly code?: { readonly code: string } | null;
    readonly spans: readonly Span[];
    readonly children?: readonly { readonly level: string; readonly message: string }[];
    readonly rendered?: string | null;
  };
}

/** The compiler's error of one line of cargo's standard output; undefined for anything else. */
export function readRustError(
  line: string,
): { readonly error: ErrorDetail; readonly rendered: string } | undefined {
  if (!line.startsWith("{")) return undefined;
  let parsed: Message;
  try {
    parsed = JSON.parse(line) as Message;
  } catch {
    return undefined;
  }
  const { reason, message } = parsed;
  if (reason !== "compiler-message" || message?.level !== "error") return undefined;
  if (message.message.startsWith("aborting due to")) return undefined;
  const span = message.spans.find((item) => item.is_primary);
  const label = span?.label ? `: ${span.label}` : "";
  const code = message.code ? ` (${message.code.code})` : "";
  const help = message.children?.find((child) => child.level === "help" || child.level === "note")?.message;
  const rule = `${message.message}${label}${code}`;
  const place =
    span === undefined ? {} : { path: span.file_name, line: span.line_start, column: span.column_start };
  const error = {
    ...place,
    rule: tailOf(rule.replaceAll("\n", " "))[0] ?? rule,
    ...(help === undefined ? {} : { suggestion: help.replaceAll("\n", " ").slice(0, 300) }),
  };
  return { error, rendered: message.rendered ?? rule };
}

/** `error: …` of cargo itself with the lines that belong to it. */
export function parseCargoErrors(output: string, root: string): ErrorDetail[] {
  const details: ErrorDetail[] = [];
  const lines = output.split("\n");
  const from = lines.findIndex((line) => /^error(?:\[|:)/.test(line));
  if (from === -1) return [];
  const text = lines.slice(from).join("\n").replaceAll(`${root}/`, "").replaceAll(` (${root})`, "");
  const place = /^\s*-->\s+(\S+?):(\d+):(\d+)/m.exec(text);
  const at = place ? { path: place[1] ?? "", line: Number(place[2]), column: Number(place[3]) } : {};
  const [first = "", ...rest] = tailOf(text);
  details.push({ ...at, rule: first.replace(/^error: /, "") });
  for (const rule of rest) {
    const words = rule.trim();
    if (/^(?:-->|\||\d+ \||\^|Caused by:$)/.test(words)) continue;
    details.push({ rule: words });
  }
  return details.slice(0, MAX_DETAILS);
}

/** A crate that the registry does not have, in cargo's several ways of saying so. */
const MISSING =
  /no matching package(?: named)? `([\w-]+)` found|failed to select a version for the requirement `([^`]+)`/;

export function cargoFailure(output: string, root: string): PlatformError {
  if (UNREACHABLE.test(output)) return registryUnreachable("cargo", output);
  const details = parseCargoErrors(output, root);
  const missing = MISSING.exec(output);
  const name = missing?.[1] ?? missing?.[2];
  if (name !== undefined)
    return buildFailed(`there is no Rust crate ${name}`, details, "correct Cargo.toml, then deploy again");
  if (/failed to run custom build command for `([^`]+)`/.test(output)) {
    const crate = /custom build command for `([^`]+)`/.exec(output)?.[1] ?? "a crate";
    return buildFailed(
      `the build script of ${crate} failed`,
      tailOf(output).map((rule) => ({ rule })),
    );
  }
  const [first] = details;
  const shown = details.length > 0 ? details : tailOf(output).map((rule) => ({ rule }));
  return buildFailed(first?.rule ?? "cargo could not build the source", shown);
}

export function rustFailure(details: readonly ErrorDetail[]): PlatformError {
  const [first] = details;
  const at = first?.path === undefined ? "" : `${first.path}:${first.line}: `;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : "";
  return buildFailed(
    `${at}${first?.rule ?? "the Rust source does not compile"}${more}`,
    details.slice(0, MAX_DETAILS),
  );
}
