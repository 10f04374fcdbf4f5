import { recordBuckets, windowAverage, type Buckets } from "./window.ts";

/**
 * The rules of Knative's pod autoscaler (knative/serving v1.23, pkg/autoscaler/scaling/autoscaler.go and
 * pkg/reconciler/autoscaling/kpa/scaler.go): two windows over the measured concurrency, a panic mode that never
 * scales down, limits on the rate of both directions, the maximum over a delay, and zero only after a whole
 * stable window.
 */
export interface AutoscalerConfig {
  readonly stableWindowMs: number;
  readonly panicWindowMs: number;
  /** Length of one measured stretch; 1 s in Knative. */
  readonly bucketMs: number;
  /** Concurrent requests wanted per instance (utilisation 100 %). */
  readonly targetConcurrency: number;
  /** Panic begins where the panic window wants this many times the ready instances; 2 = 200 %. */
  readonly panicThreshold: number;
  readonly maxScaleUpRate: number;
  readonly maxScaleDownRate: number;
  readonly scaleDownDelayMs: number;
  /** Time between the decision for zero and zero. */
  readonly zeroGraceMs: number;
  readonly minInstances: number;
  readonly maxInstances: number;
}

export const KNATIVE_DEFAULTS = {
  stableWindowMs: 60_000,
  panicWindowMs: 6000,
  bucketMs: 1000,
  panicThreshold: 2,
  maxScaleUpRate: 1000,
  maxScaleDownRate: 2,
  // Knative's 30 s let its ingress learn of the change first; a queue in the same process needs none.
  zeroGraceMs: 0,
} as const;

interface Wish {
  readonly atMs: number;
  readonly desired: number;
}

export interface AutoscalerState {
  /** Nothing is known from before this time. */
  readonly startedAtMs: number;
  readonly lastSampleMs: number;
  readonly buckets: Buckets;
  /** The last time that the panic threshold was crossed, while panic lasts. */
  readonly panicAtMs: number | undefined;
  readonly maxPanic: number;
  /** Wishes of the last `scaleDownDelayMs`, falling: the first is the largest. */
  readonly wishes: readonly Wish[];
  readonly zeroSinceMs: number | undefined;
}

export interface Sample {
  /** Requests in flight and waiting: the mean since the last sample, or for a poke the number now. */
  readonly concurrency: number;
  readonly ready: number;
  /** A poke looks at this instant because a request waits; it does not end the stretch being measured. */
  readonly poke?: boolean | undefined;
}

export interface Decision {
  readonly state: AutoscalerState;
  readonly desired: number;
}

/** `startedAtMs`: since when there is a revision to look at, an instance that just became ready included. */
export function startAutoscaler(startedAtMs: number): AutoscalerState {
  return {
    startedAtMs,
    lastSampleMs: startedAtMs,
    buckets: [],
    panicAtMs: undefined,
    maxPanic: 0,
    wishes: [],
    zeroSinceMs: undefined,
  };
}

/** A sum of fractions of time may miss a whole number by a rounding error: ceil must not see it. */
const ceil = (value: number): number => Math.ceil(Math.round(value * 1e6) / 1e6);

function panicOf(
  config: AutoscalerConfig,
  state: AutoscalerState,
  over: boolean,
  nowMs: number,
): { panicAtMs: number | undefined; maxPanic: number } {
  if (over) return { panicAtMs: nowMs, maxPanic: state.maxPanic };
  if (state.panicAtMs === undefined || nowMs - state.panicAtMs > config.stableWindowMs) {
    return { panicAtMs: undefined, maxPanic: 0 };
  }
  return { panicAtMs: state.panicAtMs, maxPanic: state.maxPanic };
}

/** The largest wish of the delay window, with `desired` as the newest. */
function delay(wishes: readonly Wish[], desired: number, delayMs: number, nowMs: number): readonly Wish[] {
  const kept = wishes.filter((wish) => nowMs - wish.atMs < delayMs && wish.desired > desired);
  return [...kept, { atMs: nowMs, desired }];
}

function record(config: AutoscalerConfig, state: AutoscalerState, sample: Sample, nowMs: number): Buckets {
  const nowIndex = Math.floor(nowMs / config.bucketMs);
  return recordBuckets(state.buckets, sample.concurrency, {
    fromIndex: sample.poke === true ? nowIndex - 1 : Math.floor(state.lastSampleMs / config.bucketMs),
    toIndex: nowIndex,
    keep: Math.ceil(config.stableWindowMs / config.bucketMs),
  });
}

/** How many instances are wanted now. `nowMs` never goes back. */
export function decide(
  config: AutoscalerConfig,
  state: AutoscalerState,
  sample: Sample,
  nowMs: number,
): Decision {
  const buckets = record(config, state, sample, nowMs);
  const nowIndex = Math.floor(nowMs / config.bucketMs);
  const average = (windowMs: number): number =>
    windowAverage(buckets, nowIndex, Math.ceil(windowMs / config.bucketMs));
  const ready = Math.max(1, sample.ready);
  const most = Math.ceil(config.maxScaleUpRate * ready);
  const least = Math.floor(sample.ready / config.maxScaleDownRate);
  const within = (wanted: number): number => Math.min(Math.max(wanted, least), most);

  const stableWanted = ceil(average(config.stableWindowMs) / config.targetConcurrency);
  const panicWanted = ceil(average(config.panicWindowMs) / config.targetConcurrency);
  const panic = panicOf(config, state, panicWanted / ready >= config.panicThreshold, nowMs);
  let wanted = within(stableWanted);
  if (panic.panicAtMs !== undefined) wanted = Math.max(panic.maxPanic, wanted, within(panicWanted));

  const wishes = delay(state.wishes, wanted, config.scaleDownDelayMs, nowMs);
  const bounded = Math.min(
    Math.max((wishes[0] as Wish).desired, config.minInstances),
    Math.max(config.maxInstances, config.minInstances),
  );
  // The last instance stays for a whole stable window since the start, and then for the grace.
  const young = nowMs - state.startedAtMs < config.stableWindowMs;
  const zeroSinceMs = bounded > 0 || young ? undefined : (state.zeroSinceMs ?? nowMs);
  const late = zeroSinceMs !== undefined && nowMs - zeroSinceMs >= config.zeroGraceMs;
  const last = Math.min(1, sample.ready, config.maxInstances);
  const next: AutoscalerState = {
    startedAtMs: state.startedAtMs,
    lastSampleMs: sample.poke === true ? state.lastSampleMs : nowMs,
    buckets,
    panicAtMs: panic.panicAtMs,
    maxPanic: panic.panicAtMs === undefined ? 0 : wanted,
    wishes,
    zeroSinceMs,
  };
  return { state: next, desired: bounded === 0 && !late ? last : bounded };
}

/** True where time alone changes nothing more: no traffic in any window, no panic, no delayed wish. */
export function isSettled(config: AutoscalerConfig, state: AutoscalerState, nowMs: number): boolean {
  return (
    nowMs - state.startedAtMs >= config.stableWindowMs &&
    state.panicAtMs === undefined &&
    state.wishes.length <= 1 &&
    (state.wishes[0]?.desired ?? 0) === 0 &&
    state.buckets.every((bucket) => bucket.value === 0)
  );
}
