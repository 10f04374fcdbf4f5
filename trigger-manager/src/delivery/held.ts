import type { SourceEvent } from "./source.ts";

/** An event while the loop has it. */
export interface Held {
  readonly id: string;
  readonly event: SourceEvent;
  readonly bytes: number;
  readonly expired: boolean;
  /** Monotonic milliseconds. */
  readonly pulledAtMs: number;
  /** Of the next call; from 1. */
  attempt: number;
  /** Monotonic milliseconds of its first delivery that did not succeed; may lie before it was pulled. */
  failedAtMs: number | undefined;
  /** It is somebody else's now: only a success may still be settled. */
  lost: boolean;
}

/** Headers and bookkeeping are not free either. */
const OVERHEAD_BYTES = 512;

export function hold(event: SourceEvent, now: number, pulledAtMs = now): Held {
  return {
    id: event.id,
    event,
    bytes: event.body.length + OVERHEAD_BYTES,
    expired: event.expired === true,
    pulledAtMs,
    attempt: event.attempt,
    failedAtMs: event.ageMs > 0 ? now - event.ageMs : undefined,
    lost: false,
  };
}
