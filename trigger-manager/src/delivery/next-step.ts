import { backoffDelay, withFullJitter } from "@hanzo-fn/lifecycle";
import type { Verdict } from "./classify.ts";
import type { DeliverySettings } from "./settings.ts";
import type { Answer, Failure } from "./source.ts";

/** An event whose call has ended. */
export interface Attempted {
  readonly id: string;
  /** Of the call that ended; from 1. */
  readonly attempt: number;
  /** Its sender wants it delivered no more. */
  readonly expired?: boolean | undefined;
}

/**
 * Why an event is given up: its attempts are spent, it has been failing for too long, the function said that it will
 * never take it (a 4xx with `on_4xx: park`, an error of kind `permanent`), or the platform cannot send it.
 */
export type ParkReason = "attempts" | "expired" | "rejected" | "unsendable";

export interface Given<T> {
  readonly event: T;
  readonly reason: ParkReason;
  readonly failure: Failure;
  /** The call that ended was one of its attempts. */
  readonly counted: boolean;
}

/** Events that are tried again together, in their order. */
export interface Again<T> {
  readonly events: readonly T[];
  readonly delayMs: number;
  readonly counted: boolean;
  /** Undefined where nothing was tried. */
  readonly failure: Failure | undefined;
  /** Their call was cut. */
  readonly interrupted?: true | undefined;
  /** Half of a batch that failed: it is tried at once and here, whatever its source could do. */
  readonly half: boolean;
}

/** Every event is in one of the three, once. */
export interface Decision<T> {
  readonly ack: readonly T[];
  /** What `ack` answered. */
  readonly answer: Answer | undefined;
  readonly park: readonly Given<T>[];
  readonly again: readonly Again<T>[];
}

export interface StepInput<T> {
  /** Milliseconds since its first delivery that did not succeed, this one aside. */
  readonly ageMs: (event: T) => number;
  /** In [0, 1). */
  readonly random: number;
  /** How long the function is left alone after a call that it did not take. */
  readonly pauseMs: number;
}

const nothing = { ack: [], answer: undefined, park: [], again: [] };

function halves<T>(events: readonly T[], failure: Failure): readonly Again<T>[] {
  const middle = Math.ceil(events.length / 2);
  return [events.slice(0, middle), events.slice(middle)].map((half) => {
    return { events: half, delayMs: 0, counted: false, failure, half: true };
  });
}

function retry<T extends Attempted>(
  events: readonly T[],
  failure: Failure,
  settings: DeliverySettings,
  random: number,
): readonly Again<T>[] {
  if (events.length === 0) return [];
  const attempt = Math.max(...events.map((event) => event.attempt));
  const full = backoffDelay(settings.backoff, attempt);
  const delayMs = settings.jitter === false ? full : withFullJitter(full, random);
  return [{ events, delayMs, counted: true, failure, half: false }];
}

/** Why there is no further attempt; undefined where there is one. */
function endOf<T extends Attempted>(
  event: T,
  settings: DeliverySettings,
  { ageMs }: StepInput<T>,
): ParkReason | undefined {
  if (event.attempt >= settings.attempts) return "attempts";
  return ageMs(event) >= settings.maxEventAgeMs ? "expired" : undefined;
}

function failedTogether<T extends Attempted>(
  events: readonly T[],
  { failure, final }: Extract<Verdict, { kind: "failed" }>,
  settings: DeliverySettings,
  step: StepInput<T>,
): Decision<T> {
  const isEnd = final || events.some((event) => endOf(event, settings, step) !== undefined);
  if (!isEnd) return { ...nothing, again: retry(events, failure, settings, step.random) };
  // Which of them is to blame is not known: an event is given up only for a call of its own.
  if (events.length > 1) return { ...nothing, again: halves(events, failure) };
  return {
    ...nothing,
    park: events.map((event) => {
      const reason = final ? "rejected" : (endOf(event, settings, step) ?? "attempts");
      return { event, reason, failure, counted: true };
    }),
  };
}

function failedInPart<T extends Attempted>(
  events: readonly T[],
  { answer, failed }: Extract<Verdict, { kind: "partial" }>,
  settings: DeliverySettings,
  step: StepInput<T>,
): Decision<T> {
  const ack: T[] = [];
  const park: Given<T>[] = [];
  const again: T[] = [];
  for (const event of events) {
    const item = failed.get(event.id);
    const reason = item?.final === true ? "rejected" : endOf(event, settings, step);
    if (item === undefined) ack.push(event);
    else if (reason === undefined) again.push(event);
    else park.push({ event, reason, failure: item.failure, counted: true });
  }
  const [first] = again;
  const failure = first === undefined ? undefined : failed.get(first.id)?.failure;
  return {
    ack,
    answer,
    park,
    again: failure === undefined ? [] : retry(again, failure, settings, step.random),
  };
}

function notDelivered<T extends Attempted>(
  events: readonly T[],
  failure: Failure,
  settings: DeliverySettings,
  { ageMs, pauseMs }: StepInput<T>,
): Decision<T> {
  const isExpired = (event: T): boolean => ageMs(event) >= settings.maxEventAgeMs;
  const left = events.filter((event) => !isExpired(event));
  return {
    ...nothing,
    park: events.filter(isExpired).map((event) => {
      return { event, reason: "expired" as const, failure, counted: false };
    }),
    again:
      left.length === 0 ? [] : [{ events: left, delayMs: pauseMs, counted: false, failure, half: false }],
  };
}

/**
 * What becomes of the events of a call (events.md 4.0). A batch that failed is tried again as it is while all of its
 * events have attempts left; then it is halved, without counting, until an event fails alone: that one is parked. So
 * a parked event has failed exactly `attempts` counted times, and no event is parked for its neighbour. Of a partial
 * answer only the named events are tried again, in order as well: the function had those behind them in hand, and
 * chose to go on.
 */
export function nextStep<T extends Attempted>(
  events: readonly T[],
  verdict: Verdict,
  settings: DeliverySettings,
  step: StepInput<T>,
): Decision<T> {
  switch (verdict.kind) {
    case "succeeded":
      return { ...nothing, ack: events, answer: verdict.answer };
    case "partial":
      return failedInPart(events, verdict, settings, step);
    case "failed":
      return failedTogether(events, verdict, settings, step);
    case "not_delivered":
      return notDelivered(events, verdict.failure, settings, step);
    case "refused":
      if (events.length > 1) return { ...nothing, again: halves(events, verdict.failure) };
      return {
        ...nothing,
        park: events.map((event) => {
          return { event, reason: "unsendable", failure: verdict.failure, counted: false };
        }),
      };
    case "cut":
      return {
        ...nothing,
        again: [
          { events, delayMs: 0, counted: false, failure: undefined, half: false, interrupted: true as const },
        ],
      };
  }
}

/**
 * Events that are parked without a call: their attempts were spent before it, since the last one's outcome was not kept
 * (a crash) or the limit was lowered; or their sender wants them delivered no more. Undefined where there is none.
 */
export function beforeCall<T extends Attempted>(
  events: readonly T[],
  settings: Pick<DeliverySettings, "attempts">,
): Decision<T> | undefined {
  const isSpent = (event: T): boolean => event.expired === true || event.attempt > settings.attempts;
  if (!events.some(isSpent)) return undefined;
  const left = events.filter((event) => !isSpent(event));
  return {
    ...nothing,
    park: events.filter(isSpent).map((event) => {
      const isExpired = event.expired === true;
      const failure = { error: isExpired ? "its time to live is over" : "its attempts are spent" };
      return { event, reason: isExpired ? "expired" : "attempts", failure, counted: false };
    }),
    again:
      left.length === 0 ? [] : [{ events: left, delayMs: 0, counted: false, failure: undefined, half: true }],
  };
}
