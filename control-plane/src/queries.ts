import { parseDuration, parseRevision, PlatformError } from "@hanzo-fn/contract";
import type { FunctionAggregate, RevisionRow, Store } from "@hanzo-fn/store";

const COMPONENT = "control-plane";
const MAX_WAIT_MS = 60_000;

/** The function with all below it; `not_found` also where another organisation has one of that name. */
export async function requireFunction(store: Store, org: string, name: string): Promise<FunctionAggregate> {
  const aggregate = await store.loadFunction(org, name);
  if (aggregate !== undefined) return aggregate;
  throw new PlatformError("not_found", `function ${name} does not exist`, {
    component: COMPONENT,
    function: name,
    next: "hanzo-fn list",
  });
}

/** A revision's number from a name or a number, as text or not. */
export function revisionNumber(functionName: string, text: string | number): number {
  const number = parseRevision(functionName, String(text));
  if (number !== undefined) return number;
  throw new PlatformError("not_found", `${JSON.stringify(text)} is no revision of ${functionName}`, {
    component: COMPONENT,
    function: functionName,
    next: `hanzo-fn revisions ${functionName}`,
  });
}

export function requireRevision(aggregate: FunctionAggregate, text: string | number): RevisionRow {
  const { name } = aggregate.function;
  const number = revisionNumber(name, text);
  const row = aggregate.revisions.find((revision) => revision.number === number);
  if (row !== undefined) return row;
  throw new PlatformError("not_found", `revision ${text} of ${name} does not exist`, {
    component: COMPONENT,
    function: name,
    next: `hanzo-fn revisions ${name}`,
  });
}

/** RFC 3339, or a duration back from now. */
export function parseTime(text: string, field: string, nowMs: number): Date {
  const back = parseDuration(text);
  if (back !== undefined) return new Date(nowMs - back);
  const at = /^\d{4}-\d\d-\d\dT/.test(text) ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(at)) return new Date(at);
  throw new PlatformError(
    "bad_request",
    `${field} is neither a time nor a duration: ${JSON.stringify(text)}`,
    {
      component: COMPONENT,
      next: "give RFC 3339 (2026-01-31T12:00:00Z) or a duration back from now (10m)",
    },
  );
}

/** Milliseconds of `?wait=`. */
export function waitMs(text: string | undefined): number {
  if (text === undefined) return 0;
  const ms = parseDuration(text);
  if (ms !== undefined && ms <= MAX_WAIT_MS) return ms;
  throw new PlatformError("bad_request", `wait is a duration of at most 60s, not ${JSON.stringify(text)}`, {
    component: COMPONENT,
  });
}
