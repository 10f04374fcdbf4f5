import { parseRevision, PlatformError } from "@hanzo-fn/contract";
import type { FunctionEntry, RevisionEntry } from "./route-table.ts";

/** The revision whose share of [0, 1) holds `random`; undefined where none has traffic. */
export function pickRevision(fn: FunctionEntry, random: number): RevisionEntry | undefined {
  const { revisions } = fn;
  let rest = random * fn.totalPercent;
  let last: RevisionEntry | undefined;
  for (let i = 0; i < revisions.length; i++) {
    const entry = revisions[i] as RevisionEntry;
    const { percent } = entry.revision;
    if (percent <= 0) continue;
    if (rest < percent) return entry;
    rest -= percent;
    last = entry;
  }
  return last;
}

/** The revision that a header names, by name or number. Throws `not_found`. */
export function pinnedRevision(fn: FunctionEntry, text: string): RevisionEntry {
  const number = parseRevision(fn.function, text);
  const entry = fn.revisions.find(({ revision }) => revision.number === number);
  if (number !== undefined && entry) return entry;
  throw new PlatformError("not_found", `${fn.function} has no revision of that name or number`, {
    component: "invoke-proxy",
    function: fn.function,
    next: `hanzo-fn revisions ${fn.function}`,
  });
}

/** Throws the failure of a revision that cannot serve. */
export function requireServing(fn: FunctionEntry, entry: RevisionEntry | undefined): RevisionEntry {
  if (entry?.revision.failed) {
    const { code, message } = entry.revision.failed;
    throw new PlatformError(code, message, {
      component: "invoke-proxy",
      function: fn.function,
      revision: entry.revision.name,
      next: `hanzo-fn describe ${fn.function}`,
    });
  }
  if (entry) return entry;
  const failed = fn.revisions.findLast(({ revision }) => revision.failed);
  if (failed) return requireServing(fn, failed);
  throw new PlatformError("not_ready", `no revision of ${fn.function} takes traffic yet`, {
    component: "invoke-proxy",
    function: fn.function,
    next: `hanzo-fn describe ${fn.function}`,
    retryAfterSeconds: 1,
  });
}
