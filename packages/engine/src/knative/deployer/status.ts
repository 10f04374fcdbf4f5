import { PlatformError } from "@hanzo-fn/contract";
import type { DesiredRevision, RevisionFailure, RevisionStatus } from "../../engine.ts";
import { explain, type Explained, type Observed } from "../explain/explain.ts";
import { condition } from "../explain/live.ts";
import type { Subject } from "../explain/verdict.ts";
import type { Publication } from "./publications.ts";

/** All that is known of one revision at a moment. Times are milliseconds since the epoch. */
export interface KnownRevision {
  readonly desired: DesiredRevision;
  readonly publication: Publication | undefined;
  /** What kept us from writing its objects at the last try, and since when. */
  readonly trouble: { readonly error: PlatformError; readonly sinceMs: number } | undefined;
  readonly observed: Observed;
  /** Since when the Service has the template that makes it, as far as this process knows. */
  readonly sentAtMs: number | undefined;
  /** How long it took from there to be ready, where this process saw both. */
  readonly startMs: number | undefined;
  readonly image: string | undefined;
  /** What of the wish cannot be enforced. */
  readonly warnings: readonly string[];
}

/** How long after the progress deadline Knative's own verdict is awaited. */
const GRACE_MS = 30_000;

export function deadlineMs(progressDeadlineMs: number): number {
  return progressDeadlineMs + GRACE_MS;
}

export function subjectOf({ ref, memoryBytes, proven }: DesiredRevision): Subject {
  const { function: name, name: revision, number } = ref;
  return { function: name, revision, number, memoryBytes, proven: proven === true };
}

function failureOf(error: PlatformError, logTail: readonly string[], now: Date): RevisionFailure {
  const next = error.next === undefined ? "" : `; ${error.next}`;
  const details = error.details === undefined ? {} : { details: error.details };
  return { code: error.code, message: `${error.message}${next}`, logTail, at: now.toISOString(), ...details };
}

function inWords({ code, message, next }: Pick<PlatformError, "code" | "message" | "next">): string {
  return `${code}: ${message}${next === undefined ? "" : `; ${next}`}`;
}

/** Knative took the template and made nothing of it. */
function unanswered({ desired, observed, sentAtMs }: KnownRevision, now: Date): PlatformError | undefined {
  if (observed.revision !== undefined || sentAtMs === undefined) return undefined;
  if (now.getTime() - sentAtMs <= deadlineMs(observed.progressDeadlineMs)) return undefined;
  const message = "Knative made no Revision of the function's Service in time; its controller may not run";
  return new PlatformError("start_timeout", message, {
    component: "engine/knative",
    function: desired.ref.function,
    revision: desired.ref.name,
    next: "hanzo-fn cluster check",
  });
}

/** Why it will not become ready; undefined while it may. */
function refusal(known: KnownRevision, now: Date): PlatformError | undefined {
  const { publication, trouble, observed } = known;
  if (publication?.state === "failed") return publication.error;
  if (trouble !== undefined) {
    const isLate = now.getTime() - trouble.sinceMs > deadlineMs(observed.progressDeadlineMs);
    if (!trouble.error.retryable || isLate) return trouble.error;
  }
  return unanswered(known, now);
}

/** What it waits for; some of it may come right by itself. */
function waitingFor({ publication, trouble }: KnownRevision, { waiting }: Explained): string[] {
  const errors = [
    waiting,
    publication?.state === "running" ? publication.waiting : undefined,
    publication?.state === "failed" ? publication.error : undefined,
    trouble?.error,
  ];
  return errors.filter((error) => error !== undefined).map(inWords);
}

/** To the second, from the Revision's creation on, where this process did not see it. */
function startMs({ observed: { revision }, ...known }: KnownRevision): number | undefined {
  const ready = condition(revision, "Ready");
  if (ready?.status !== "True") return undefined;
  const duration =
    Date.parse(ready.lastTransitionTime ?? "") - Date.parse(revision?.metadata.creationTimestamp ?? "");
  return known.startMs ?? (Number.isNaN(duration) ? undefined : Math.max(0, duration));
}

function stateOf({ image, publication }: KnownRevision, explained: Explained): RevisionStatus["state"] {
  if (explained.state !== "pending") return explained.state;
  if (image !== undefined) return "starting";
  // An image that was just made counts once somebody has looked at it.
  return publication === undefined ? "pending" : "building";
}

/** One revision as the planes above see it; pure. */
export function revisionStatus(known: KnownRevision, now: Date): RevisionStatus {
  const { desired, publication, observed } = known;
  const explained = explain(observed, subjectOf(desired), now);
  const refused = refusal(known, now);
  const isOpen = explained.state === "pending" || explained.state === "starting";
  const failure =
    explained.failure ??
    (isOpen || explained.state === "ready"
      ? refused && failureOf(refused, observed.logTail, now)
      : undefined);
  const published = publication?.state === "done" ? publication.published : undefined;
  const start = startMs(known);
  const hasFailed = isOpen && failure !== undefined;
  return {
    ref: desired.ref,
    state: hasFailed ? "failed" : stateOf(known, explained),
    ...(failure === undefined ? {} : { failure }),
    instances: explained.instances,
    phasesMs: { ...published?.phasesMs, ...(start === undefined ? {} : { start }) },
    warnings: [
      ...(published?.warnings ?? []),
      ...known.warnings,
      ...explained.warnings,
      ...(failure === undefined ? waitingFor(known, explained) : []),
    ],
    ...(known.image === undefined ? {} : { image: known.image }),
  };
}

/** When time alone makes a difference to it, in milliseconds since the epoch; undefined where it does not. */
export function nextDeadline({ trouble, observed, sentAtMs }: KnownRevision): number | undefined {
  const since = [
    Date.parse(observed.revision?.metadata.creationTimestamp ?? ""),
    sentAtMs ?? Number.NaN,
    trouble?.sinceMs ?? Number.NaN,
  ].filter((at) => !Number.isNaN(at));
  return since.length === 0 ? undefined : Math.min(...since) + deadlineMs(observed.progressDeadlineMs);
}

/** What an observer hears of: instances come and go without a word. */
export function statusSignature({ state, failure, warnings, image }: RevisionStatus): string {
  return JSON.stringify([state, failure?.code, failure?.message, warnings, image]);
}
