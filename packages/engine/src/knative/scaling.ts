import type { DesiredRevision, Scaling } from "../engine.ts";
import type { KnativeSettings } from "./settings.ts";
import type { RevisionWish } from "./wish.ts";

const AUTOSCALING = "autoscaling.knative.dev";
/** Knative's longest window, and so its longest delay. */
const MAX_DELAY_S = 3600;
/** Up to this many requests per instance the activator stays in the path and queues exactly (design: knative.md 2.4). */
const EXACT_QUEUEING = 3;

/** Knative takes whole seconds, at most an hour. */
function delay(scaleDownDelayMs: number): string {
  return `${Math.min(MAX_DELAY_S, Math.ceil(scaleDownDelayMs / 1000))}s`;
}

/**
 * Annotations that may change while a revision lives: Knative 1.21 and later copies them from the Revision to its
 * autoscaler without a new revision and without restarting a pod. A revision without traffic keeps no minimum, so that a
 * roll-out does not double what runs.
 */
export function scaleAnnotations(
  { percent }: Pick<DesiredRevision, "percent">,
  scaling: Scaling,
): Record<string, string> {
  const { minInstances, maxInstances, targetConcurrency, scaleDownDelayMs } = scaling;
  // 0 would mean without limit.
  const max = Math.max(1, maxInstances);
  const min = percent > 0 ? Math.min(minInstances, max) : 0;
  return {
    [`${AUTOSCALING}/min-scale`]: String(min),
    [`${AUTOSCALING}/max-scale`]: String(max),
    [`${AUTOSCALING}/metric`]: "concurrency",
    [`${AUTOSCALING}/target`]: String(Math.max(1, targetConcurrency)),
    // Knative aims at 70 % of the target by default: two pods for one steady request.
    [`${AUTOSCALING}/target-utilization-percentage`]: "100",
    [`${AUTOSCALING}/scale-down-delay`]: delay(scaleDownDelayMs),
  };
}

/** What of scaling is settled when a revision is made. */
export function firstScaleAnnotations(
  { desired, gpu }: RevisionWish,
  settings: Pick<KnativeSettings, "zeroInitialScale">,
): Record<string, string> {
  const none = settings.zeroInitialScale && (gpu !== undefined || desired.proven === true);
  const exact = gpu !== undefined || desired.concurrency <= EXACT_QUEUEING;
  return {
    [`${AUTOSCALING}/initial-scale`]: none ? "0" : "1",
    [`${AUTOSCALING}/target-burst-capacity`]: exact ? "-1" : "0",
  };
}

/** A JSON merge patch for an object. */
export interface MergePatch {
  readonly metadata: {
    readonly annotations: Readonly<Record<string, string>>;
    readonly labels?: Readonly<Record<string, string>>;
  };
}

/** The merge patch that brings a live Revision's scaling up to date; undefined where it is. */
export function scalePatch(
  liveAnnotations: Readonly<Record<string, string>>,
  wanted: Pick<DesiredRevision, "percent">,
  scaling: Scaling,
): MergePatch | undefined {
  const changed = Object.entries(scaleAnnotations(wanted, scaling)).filter(
    ([key, value]) => liveAnnotations[key] !== value,
  );
  return changed.length === 0 ? undefined : { metadata: { annotations: Object.fromEntries(changed) } };
}
