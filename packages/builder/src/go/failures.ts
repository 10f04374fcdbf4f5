import type { ErrorDetail, PlatformError } from "@hanzo-fn/contract";
import { buildFailed, registryUnreachable, tailOf, UNREACHABLE } from "../failures.ts";

const MAX_DETAILS = 50;
const PLACE = /^((?:[\w@.+-]+\/)*[\w@.+-]+\.(?:go|mod|sum|s|c|h|work)):(\d+)(?::(\d+))?: (.*)$/;
/** Words of the go command around a message, of no use to who reads the message. */
const NOISE =
  /^(?:# |go: (?:finding|downloading|found|added|upgraded|to add|errors parsing)|\s*too many errors|note: module requires)/;

/** Where the build ran, to be cut off from paths. */
function relative(line: string, root: string): string {
  return line.replaceAll(`${root}/`, "").replace(/^(?:vet: )?\.\//, "");
}

/**
 * The compiler's messages (`./main.go:2:18: declared and not used: x`) and the go command's own
 * (`main.go:2:16: cannot find module …`, `go: …`), one detail each.
 */
export function parseGoErrors(output: string, root: string): ErrorDetail[] {
  const details: ErrorDetail[] = [];
  for (const raw of output.split("\n")) {
    const line = relative(raw.trimEnd(), root);
    if (line === "" || NOISE.test(line)) continue;
    const last = details.at(-1);
    const place = PLACE.exec(line);
    if (place) {
      const [, path = "", row = "", column, rule = ""] = place;
      const at = column === undefined ? {} : { column: Number(column) };
      details.push({ path, line: Number(row), ...at, rule: clean(rule) });
    } else if (/^\s/.test(line) && last) {
      details[details.length - 1] = { ...last, rule: `${last.rule}; ${clean(line.trim())}` };
    } else details.push({ rule: clean(line.replace(/^go: /, "")) });
  }
  return details.slice(0, MAX_DETAILS);
}

/** Without what only helps on the user's own machine, and without credentials. */
function clean(rule: string): string {
  return tailOf(rule)[0] ?? rule;
}

/** A package that no module has, or that the registry does not give. */
const MISSING =
  /(?:cannot find module providing package|module) ([\w./-]+)[:@ ].*(?:40[0-9] |not found|invalid version|does not contain package|no matching versions)|cannot find module providing package ([\w./-]+)/;

export function goFailure(output: string, details: readonly ErrorDetail[]): PlatformError {
  if (UNREACHABLE.test(output)) return registryUnreachable("go", output);
  const [first] = details;
  const missing = MISSING.exec(output);
  const name = missing?.[1] ?? missing?.[2];
  if (name !== undefined) {
    return buildFailed(
      `there is no Go package ${name}`,
      details,
      "correct the import or go.mod; a package must be on the platform's module proxy",
    );
  }
  const at = first?.path === undefined ? "" : `${first.path}:${first.line}: `;
  const more = details.length > 1 ? ` (and ${details.length - 1} more)` : "";
  return buildFailed(`${at}${first?.rule ?? "the Go source does not compile"}${more}`, details);
}
