import type { ParkReason } from "./next-step.ts";
import type { Failure, SourceEvent } from "./source.ts";

/** An event that is given up, as the dead letters keep it. */
export interface DeadLetter {
  readonly event: SourceEvent;
  readonly reason: ParkReason;
  /** The last one. */
  readonly failure: Failure;
  /** Counted ones. */
  readonly attempts: number;
  /** Milliseconds since the epoch. */
  readonly firstFailedAtMs: number;
  /** Milliseconds since the epoch. */
  readonly lastFailedAtMs: number;
}

/** Resolves once the letter is kept for good; rejects where that is not certain, and is then asked again. */
export type Park = (letter: DeadLetter, signal: AbortSignal) => Promise<void>;

/** The row of a letter, and its publication where the event's source has a place for those that were given up. */
export interface DeadLetterBoxes {
  /** The row: one per trigger and event id, however often it is asked to. True where it was published before. */
  readonly keep: (letter: DeadLetter, signal: AbortSignal) => Promise<{ readonly published: boolean }>;
  /** To `mq.dlq.<subject>` or the topic, under the event's id; resolves once the broker keeps it. */
  readonly publish?: ((letter: DeadLetter, signal: AbortSignal) => Promise<void>) | undefined;
  readonly markPublished: (letter: DeadLetter, signal: AbortSignal) => Promise<void>;
}

/**
 * The row first, then the publication: a crash between the two publishes again, under the same id, and after both
 * does nothing twice.
 */
export function createPark({ keep, publish, markPublished }: DeadLetterBoxes): Park {
  return async (letter, signal) => {
    const { published } = await keep(letter, signal);
    if (published || publish === undefined) return;
    await publish(letter, signal);
    await markPublished(letter, signal);
  };
}
