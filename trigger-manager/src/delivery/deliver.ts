import {
  type Backoff,
  backoffDelay,
  type Clock,
  createAlarm,
  runAfter,
  type Service,
} from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Budget } from "./budget.ts";
import { createCalls } from "./calls.ts";
import { classify, type Verdict } from "./classify.ts";
import {
  afterDelivery,
  afterRefusal,
  afterStart,
  allowedCalls,
  blockedReason,
  initialConcurrency,
} from "./concurrency.ts";
import type { Held } from "./held.ts";
import { createHoldings } from "./holdings.ts";
import type { Invoke } from "./invoke.ts";
import { createKeeper } from "./keeper.ts";
import { createLanes, type Unit } from "./lanes.ts";
import { beforeCall, type Decision, nextStep } from "./next-step.ts";
import type { DeadLetter, Park } from "./parking.ts";
import { createSettler, settlementsOf } from "./settler.ts";
import type { DeliverySettings } from "./settings.ts";
import type { Credit, Failure, Source, Succeeded } from "./source.ts";

export interface DeliveryObserver {
  /** A call has ended. `waitedMs`: how long its oldest event was here before. */
  call(end: {
    readonly verdict: Verdict["kind"];
    readonly events: number;
    readonly waitedMs: number;
    readonly durationMs: number;
    /** Of the call, or of the first item of a batch that failed in part. */
    readonly failure: Failure | undefined;
  }): void;
  parked(letter: DeadLetter): void;
}

export interface DeliveryDependencies {
  readonly source: Source;
  readonly invoke: Invoke;
  readonly park: Park;
  readonly succeeded?: Succeeded | undefined;
  readonly budget: Budget;
  readonly clock: Clock;
  readonly log: Logger;
  /** Instances of the function that can take a call; undefined where that is not known. */
  readonly ready: () => number | undefined;
  readonly observer: DeliveryObserver;
  /** In [0, 1). */
  readonly random?: (() => number) | undefined;
}

/**
 * The deliveries of one trigger. `stop` drains: what has no call is returned, what runs ends or is cut and returned. A
 * later `stop` with less grace shortens the drain.
 */
export interface Delivery extends Service {
  /** Why nothing is delivered, where that has been so for a while. */
  readonly blocked: string | undefined;
  /** Events that are here. */
  readonly held: number;
}

const PULL_AGAIN: Backoff = { initialMs: 200, factor: 2, maxMs: 30_000 };
/** What a stop still waits for the source, once its grace is over. */
const LAST_WORDS_MS = 2000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;
/** Batches of one partition that are here at once: one runs, one is complete, one fills. */
const BATCHES_PER_PARTITION = 3;
/** Events of a partition whose order is by key, or that cannot be returned (events.md 4.2). */
const MAX_HELD_OF_PARTITION = 10_000;
/** Calls whose events are not settled yet; beyond this nothing new begins. */
const MIN_UNSETTLED = 64;

function failureOf(verdict: Verdict): Failure | undefined {
  if ("failure" in verdict) return verdict.failure;
  return verdict.kind === "partial" ? verdict.failed.values().next().value?.failure : undefined;
}

export function createDelivery(
  name: string,
  deps: DeliveryDependencies,
  settings: DeliverySettings,
): Delivery {
  const { source, budget, clock, log, ready, observer, random = Math.random } = deps;
  const { ordering, batchSize, maxConcurrency } = settings;
  /** Nothing more is taken up; then, at the end of the grace, nothing more is waited for; then all is over. */
  const stopping = new AbortController();
  const cutting = new AbortController();
  const over = new AbortController();
  const holdings = createHoldings(budget);
  const lanes = createLanes(settings);
  const calls = createCalls(deps, settings.deadlineMs);
  const settler = createSettler(
    { ...deps, onParked: (letter) => observer.parked(letter) },
    { parking: cutting.signal, settling: over.signal },
  );
  const keep = createKeeper({ source, holdings, calls, clock, log }, over.signal);
  const work = new Set<Promise<void>>();
  const staysHere = ordering !== "none" || !source.redelivers;
  let concurrency = initialConcurrency(ready(), maxConcurrency);
  let started = 0;
  let unsettled = 0;
  let pulling = false;

  const track = (promise: Promise<void>): void => {
    const one = promise
      .catch((error: unknown) => log.error("the delivery loop failed", { error, trigger: name }))
      .finally(() => work.delete(one));
    work.add(one);
  };
  const allowed = (now: number): number =>
    unsettled >= Math.max(MIN_UNSETTLED, 2 * maxConcurrency) ? 0 : allowedCalls(concurrency, ready(), now);

  const learn = (verdict: Verdict, call: number, running: number): void => {
    if (verdict.kind === "not_delivered") {
      const refusal = { call, nextCall: started + 1, now: clock.monotonic(), random: random() };
      concurrency = afterRefusal(concurrency, { ...refusal, reason: verdict.failure.error });
    } else if (verdict.kind === "succeeded" || verdict.kind === "partial") {
      concurrency = afterDelivery(concurrency, { succeeded: true, running }, maxConcurrency);
    } else if (verdict.kind === "failed" && verdict.failure.status !== undefined) {
      concurrency = afterDelivery(concurrency, { succeeded: false, running }, maxConcurrency);
    }
  };
  const decide = (unit: Unit, verdict: Verdict): Decision<Held> => {
    const now = clock.monotonic();
    return nextStep(unit.events, verdict, settings, {
      random: random(),
      pauseMs: Math.max(0, concurrency.opensAtMs - now),
      ageMs: ({ failedAtMs }) => now - (failedAtMs ?? now),
    });
  };

  const run = async (unit: Unit): Promise<void> => {
    const call = ++started;
    const startedAtMs = clock.monotonic();
    concurrency = afterStart(concurrency, ready());
    const result = await calls.call(unit);
    const ids = unit.events.map(({ id }) => id);
    const verdict = classify(result, ids, settings);
    learn(verdict, call, calls.running + 1);
    budget.endCall();
    const now = clock.monotonic();
    observer.call({
      verdict: verdict.kind,
      events: unit.events.length,
      waitedMs: startedAtMs - Math.min(...unit.events.map(({ pulledAtMs }) => pulledAtMs)),
      durationMs: now - startedAtMs,
      failure: failureOf(verdict),
    });
    const decision = decide(unit, verdict);
    pump();
    await conclude(unit, decision);
  };
  /** Settles what is decided; only then goes what waits for it. */
  const conclude = async (unit: Unit, decision: Decision<Held>): Promise<void> => {
    unsettled += 1;
    try {
      await settleUnit(unit, decision);
    } finally {
      // Before the look: where many end in one moment, the last of them has to see that all have.
      unsettled -= 1;
      pump();
    }
  };
  const settleUnit = async (unit: Unit, decision: Decision<Held>): Promise<void> => {
    const now = clock.monotonic();
    const { settlements, gone } = settlementsOf(decision, staysHere);
    for (const { events, counted, failure } of decision.again) {
      for (const event of events) {
        if (counted) event.attempt += 1;
        if (failure !== undefined) event.failedAtMs ??= now;
      }
    }
    const parked = decision.park.filter(({ event }) => !event.lost);
    await Promise.all([settler.settle(settlements), settler.park(parked)]);
    const isGone = new Set(gone);
    const again = decision.again
      .map(({ events, delayMs }) => {
        return { events: events.filter((one) => !one.lost && !isGone.has(one)), dueAtMs: now + delayMs };
      })
      .filter(({ events }) => events.length > 0);
    const stay = new Set(again.flatMap(({ events }) => events));
    holdings.drop(unit.events.filter((event) => !stay.has(event)));
    lanes.finish(unit, again);
  };

  /** True where calls are wanting that the replica has no room for. */
  const startUnits = (now: number): boolean => {
    while (calls.running < allowed(now)) {
      const at = lanes.nextAt(now);
      if (at === undefined || at > now) return false;
      if (!budget.startCall()) {
        budget.waitFree(pump);
        return true;
      }
      const unit = lanes.take(now);
      const spent = unit && beforeCall(unit.events, settings);
      if (unit !== undefined && spent === undefined) {
        track(run(unit));
        continue;
      }
      if (unit !== undefined && spent !== undefined) track(conclude(unit, spent));
      budget.endCall();
    }
    return false;
  };

  const roomOf = (partition: string): number => {
    if (ordering === "none" && source.redelivers) return Number.POSITIVE_INFINITY;
    const most =
      ordering === "partition"
        ? Math.min(MAX_HELD_OF_PARTITION, BATCHES_PER_PARTITION * batchSize)
        : MAX_HELD_OF_PARTITION;
    return Math.max(0, most - holdings.of(partition));
  };
  const creditAt = (now: number): Credit | undefined => {
    const slots = allowed(now) - calls.running;
    const events = slots * batchSize - (ordering === "partition" ? 0 : lanes.open);
    if (slots <= 0 || events <= 0) return undefined;
    if (budget.freeBytes === 0) {
      budget.waitFree(pump);
      return undefined;
    }
    return { events, bytes: Math.min(budget.freeBytes, 2 * settings.maxBatchBytes), room: roomOf };
  };
  const dropLost = (): void => holdings.drop(lanes.remove(({ lost }) => lost));
  const pull = async (credit: Credit): Promise<void> => {
    for (let failures = 1; !stopping.signal.aborted; failures++) {
      try {
        const events = await source.pull(credit, stopping.signal);
        const added = holdings.add(events, clock.monotonic());
        if (added.replaced) dropLost();
        lanes.add(added.events);
        return keep();
      } catch (error) {
        if (stopping.signal.aborted) return;
        log.warn("events could not be pulled", { error, trigger: name, failures });
        await clock.sleep(backoffDelay(PULL_AGAIN, failures), stopping.signal).catch(() => {});
      }
    }
  };
  const pullMore = (now: number): void => {
    const credit = pulling ? undefined : creditAt(now);
    if (credit === undefined) return;
    pulling = true;
    const done = (): void => {
      pulling = false;
      pump();
    };
    track(pull(credit).finally(done));
  };
  /** Gives everything back that waits. */
  const giveBack = async (delayMs: number): Promise<void> => {
    const waiting = lanes.remove(() => true);
    await settler.settle(
      waiting.map(({ event }) => {
        return { kind: "retry" as const, event, delayMs, counted: false, failure: undefined };
      }),
    );
    holdings.drop(waiting);
  };
  /** While the function takes no calls its events wait at their source and not here. */
  const shed = (now: number): void => {
    const pauseMs = concurrency.opensAtMs - now;
    if (concurrency.refusals > 0 && pauseMs > 0 && !staysHere && lanes.size > 0) track(giveBack(pauseMs));
  };
  const setAlarm = (now: number): void => {
    const isClosed = concurrency.refusals > 0 && concurrency.opensAtMs > now;
    const at = isClosed ? concurrency.opensAtMs : lanes.nextAt(now);
    if (at !== undefined && at > now) alarm.set(at);
  };
  const alarm = createAlarm(clock, pump);
  function pump(): void {
    if (stopping.signal.aborted) return;
    // One time for all of it: what comes due between two looks at the clock would be neither started nor waited for.
    const now = clock.monotonic();
    shed(now);
    if (!startUnits(now)) pullMore(now);
    setAlarm(now);
  }

  /** Of the drain. */
  const timer = new AbortController();
  const cut = (): void => {
    if (cutting.signal.aborted) return;
    cutting.abort(stopping.signal.reason);
    calls.cut();
    runAfter(clock, LAST_WORDS_MS, timer.signal, () => over.abort(stopping.signal.reason));
  };
  const drain = async (): Promise<void> => {
    while (work.size > 0 || lanes.size > 0) {
      await giveBack(0);
      if (work.size > 0) await Promise.race(work);
    }
    timer.abort();
    over.abort(stopping.signal.reason);
  };
  let drained: Promise<void> | undefined;

  source.onRevoked((revocation) => {
    if (holdings.revoke(revocation).length === 0) return;
    dropLost();
    if (revocation.cut) calls.cut((unit) => unit.events.every(({ lost }) => lost));
    pump();
  });

  return {
    name,
    start() {
      pump();
      return Promise.resolve();
    },
    stop(graceMs) {
      stopping.abort(new Error(`the delivery ${name} is stopping`));
      alarm.clear();
      if (!timer.signal.aborted) runAfter(clock, Math.min(graceMs, LONGEST_TIMER_MS), timer.signal, cut);
      return (drained ??= drain());
    },
    get blocked() {
      return blockedReason(concurrency) ?? source.blocked;
    },
    get held() {
      return holdings.size;
    },
  };
}
