import type { CronTrigger, InferenceTrigger, MqTrigger, StreamTrigger } from "@hanzo-fn/contract";
import type { Service } from "@hanzo-fn/lifecycle";
import type { StoreTransaction, TriggerRow } from "@hanzo-fn/store";
import type { DeadLetter, Source } from "../delivery/index.ts";
import type { LetterToRedrive } from "./redrive.ts";

/** A trigger whose events come from elsewhere than a caller. */
export type EventTrigger = CronTrigger | InferenceTrigger | MqTrigger | StreamTrigger;

/** A trigger as it is served. */
export interface Served<T extends EventTrigger = EventTrigger> {
  readonly id: string;
  readonly org: string;
  readonly function: string;
  readonly spec: T;
}

/** What waits at the source of a trigger. */
export interface Lag {
  readonly items: number;
  /** Age of the oldest one; 0 where there is none. */
  readonly seconds: number;
}

/** Writes down what was prepared of triggers, in the transaction that records these. */
export type RecordPrepared = (tx: StoreTransaction, rows: readonly TriggerRow[]) => Promise<void>;

/** Where the events of one type of trigger come from. The manager knows no more of types than this. */
export interface TriggerKind<T extends EventTrigger = EventTrigger> {
  readonly type: T["type"];
  /** Started before the first trigger is opened, stopped after the last one is closed. */
  readonly service?: Service | undefined;
  /** Counted attempts where the manifest names none. */
  attempts(spec: T): number;
  /**
   * Makes or adopts what a broker keeps of all triggers of this type that a function is to have, before they are
   * recorded: nothing that is published after a deploy was answered is missed. Rejects where it cannot be, and the
   * deploy is refused. Again, if the deploy fails for other reasons.
   */
  prepare?(
    org: string,
    functionName: string,
    specs: readonly T[],
    signal: AbortSignal,
  ): Promise<RecordPrepared>;
  /** Rejecting means that it is tried again later; the trigger is blocked meanwhile, with the error's message. */
  open(trigger: Served<T>, signal: AbortSignal): Promise<Source>;
  /** Lets go of what a closed trigger's source had. */
  close?(trigger: Served<T>): Promise<void>;
  /** Removes what a deleted trigger has outside of the platform; nothing of it runs here any more. Again, if it rejects. */
  remove(trigger: Served<T>, signal: AbortSignal): Promise<void>;
  /** By trigger id; one whose lag is not known is left out. */
  lag(triggers: readonly Served<T>[], signal: AbortSignal): Promise<ReadonlyMap<string, Lag>>;
  /** Publishes a parked event to the dead letters of its broker, under the event's id; absent where there are none. */
  publishParked?(trigger: Served<T>, letter: DeadLetter, signal: AbortSignal): Promise<void>;
  /**
   * Makes a new event of a dead letter, and marks the letter as redriven; the new event's id. Throws `conflict` where
   * another one did so meanwhile, `payload_too_large` where the broker takes no message of that size.
   */
  redrive(trigger: Served<T>, letter: LetterToRedrive): Promise<string>;
}
