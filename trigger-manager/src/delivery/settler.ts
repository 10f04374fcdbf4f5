import { abortable, type Backoff, type Clock, retryUntilDone } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Held } from "./held.ts";
import type { Decision, Given } from "./next-step.ts";
import type { DeadLetter, Park } from "./parking.ts";
import type { Settlement, Source, Succeeded } from "./source.ts";

export interface SettlerDependencies {
  readonly source: Source;
  readonly park: Park;
  readonly succeeded?: Succeeded | undefined;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  readonly onParked: (letter: DeadLetter) => void;
}

/** When one gives up: `parking` at the end of a drain's grace, `settling` a little later. */
export interface SettlerSignals {
  readonly parking: AbortSignal;
  readonly settling: AbortSignal;
}

const AGAIN: Backoff = { initialMs: 200, factor: 2, maxMs: 10_000 };

/** Tells the source and the dead letters what became of events, again and again until it is heard. */
export interface Settler {
  settle(settlements: readonly Settlement[]): Promise<void>;
  /** No event is settled as parked before it is among the dead letters. */
  park(given: readonly Given<Held>[]): Promise<void>;
}

function letterOf({ event, reason, failure, counted }: Given<Held>, clock: Clock): DeadLetter {
  const failedForMs = event.failedAtMs === undefined ? 0 : clock.monotonic() - event.failedAtMs;
  return {
    event: event.event,
    reason,
    failure,
    attempts: counted ? event.attempt : event.attempt - 1,
    firstFailedAtMs: clock.now() - failedForMs,
    lastFailedAtMs: clock.now(),
  };
}

export function createSettler(deps: SettlerDependencies, signals: SettlerSignals): Settler {
  const { source, clock, log } = deps;
  const told = new WeakSet<Settlement>();
  const tell = async (settlements: readonly Settlement[], signal: AbortSignal): Promise<void> => {
    const { succeeded } = deps;
    if (succeeded === undefined) return;
    const acks = settlements.filter((one) => one.kind === "ack").filter((one) => !told.has(one));
    for (const [answer, of] of Map.groupBy(acks, (ack) => ack.answer)) {
      await succeeded(
        of.map(({ event }) => event),
        answer,
        signal,
      );
      for (const ack of of) told.add(ack);
    }
  };
  const settle = async (settlements: readonly Settlement[]): Promise<void> => {
    if (settlements.length === 0) return;
    const signal = signals.settling;
    const work = async (): Promise<void> => {
      await abortable(tell(settlements, signal), signal);
      await abortable(source.settle(settlements, signal), signal);
    };
    await retryUntilDone(work, {
      clock,
      backoff: AGAIN,
      signal,
      onFailure: (error, attempt) => log.warn("events could not be settled", { error, attempt }),
    });
  };
  const parkOne = async (given: Given<Held>): Promise<void> => {
    const letter = letterOf(given, clock);
    const { event, failure, counted } = given;
    let parked = false;
    const work = async (): Promise<void> => {
      await abortable(deps.park(letter, signals.parking), signals.parking);
      parked = true;
    };
    await retryUntilDone(work, {
      clock,
      backoff: AGAIN,
      signal: signals.parking,
      onFailure: (error, attempt) =>
        log.warn("an event could not be parked", { error, attempt, event: event.id }),
    });
    if (event.lost) return;
    if (parked) deps.onParked(letter);
    await settle([
      parked
        ? { kind: "park", event: event.event, counted, failure }
        : // Its spent attempt is kept: whoever has it next parks it without another one.
          { kind: "retry", event: event.event, delayMs: 0, counted, failure },
    ]);
  };
  return { settle, park: async (given) => void (await Promise.all(given.map(parkOne))) };
}

/** What a decision means for the source, the dead letters aside, and the pieces that stay in the loop. */
export function settlementsOf(
  decision: Decision<Held>,
  staysHere: boolean,
): { readonly settlements: readonly Settlement[]; readonly gone: readonly Held[] } {
  const settlements: Settlement[] = [];
  const gone: Held[] = [...decision.ack];
  const { answer } = decision;
  if (answer !== undefined) {
    // A late success is worth a try even where the event is somebody else's: the source decides.
    for (const { event } of decision.ack) settlements.push({ kind: "ack", event, answer });
  }
  for (const { events, delayMs, counted, failure, half, interrupted } of decision.again) {
    for (const one of events) {
      if (one.lost) continue;
      const { event } = one;
      if (!half && !staysHere) {
        settlements.push({
          ...{ kind: "retry", event, delayMs, counted, failure },
          ...(interrupted && { interrupted }),
        });
        gone.push(one);
      } else if (failure !== undefined && !half) {
        settlements.push({ kind: "hold", event, delayMs, counted, failure });
      }
    }
  }
  return { settlements, gone };
}
