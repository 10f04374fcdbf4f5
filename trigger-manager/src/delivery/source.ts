/** One event as a source hands it out. The object is the lease: settlements and revocations name this very object. */
export interface SourceEvent {
  /** The same at every delivery, for example `mq:<stream>:<seq>` or `kafka:<topic>:<partition>:<offset>`. */
  readonly id: string;
  readonly body: Buffer;
  /** `body` is JSON text: a batch takes it in as it is. */
  readonly json: boolean;
  readonly headers: Readonly<Record<string, string>>;
  /** From 1: one more than the counted failures that the source keeps of it. */
  readonly attempt: number;
  /** Milliseconds since the first delivery that did not succeed, counted or not; 0 where there was none. */
  readonly ageMs: number;
  /** Empty where the source has no partitions. */
  readonly partition: string;
  readonly key?: string | undefined;
  /** Subject, topic or schedule. */
  readonly source: string;
  /** RFC 3339. */
  readonly timestamp?: string | undefined;
  /** Whoever sent it wants it delivered no more: it is parked without a call. */
  readonly expired?: boolean | undefined;
}

/** Why a delivery did not succeed. */
export interface Failure {
  /** Of the answer, where there was one. */
  readonly status?: number | undefined;
  /** One line. */
  readonly error: string;
}

/** What the function answered, as far as somebody wants to keep it. */
export interface Answer {
  readonly status: number;
  /** Lower-case names. */
  readonly headers: ReadonlyArray<readonly [name: string, value: string]>;
  /** The value of `X-Function-Not-Delivered`: no byte of the call reached user code. */
  readonly notDelivered: string | undefined;
  readonly body: Buffer;
  /** The body was longer than what is kept of it. */
  readonly truncated: boolean;
}

/**
 * Told of an answer that made events succeed, before they are settled; rejecting means that it is told again, and
 * nothing is settled meanwhile.
 */
export type Succeeded = (
  events: readonly SourceEvent[],
  answer: Answer,
  signal: AbortSignal,
) => Promise<void>;

/**
 * What becomes of an event. `counted` adds one to the failures that the source keeps of it; without it the attempt is
 * given back. A `retry` without a failure was merely returned (a drain, a trigger at zero) and is no delivery.
 */
export type Settlement =
  | { readonly kind: "ack"; readonly event: SourceEvent; readonly answer: Answer }
  /** The source hands it out again after the delay. */
  | {
      readonly kind: "retry";
      readonly event: SourceEvent;
      readonly delayMs: number;
      readonly counted: boolean;
      readonly failure: Failure | undefined;
      /** A call with it was cut: whether the function had done its work is not known. */
      readonly interrupted?: true | undefined;
    }
  /** It failed and stays with the loop; only what is kept of it changes, so that a crash does not forget it. */
  | {
      readonly kind: "hold";
      readonly event: SourceEvent;
      readonly delayMs: number;
      readonly counted: boolean;
      readonly failure: Failure;
    }
  /** It is in the dead letters: never again. `counted`: its last attempt failed, too. */
  | {
      readonly kind: "park";
      readonly event: SourceEvent;
      readonly counted: boolean;
      readonly failure: Failure;
    };

/** How much a source may hand out at once. */
export interface Credit {
  /** At most so many events. */
  readonly events: number;
  /** Not much more than so many bytes; one event is always allowed. */
  readonly bytes: number;
  /** How many events of a partition are welcome; 0 keeps a partition waiting that has enough of its own here. */
  room(partition: string): number;
}

/** Events that are somebody else's now, or nobody's. */
export interface Revocation {
  readonly events: readonly SourceEvent[];
  /** Cuts the call (the event was cancelled). Otherwise it ends by itself, and only its success is settled. */
  readonly cut: boolean;
}

/**
 * Where events come from. The loop asks for events only when there is room for them, keeps them extended while it
 * holds them, and settles each event that was not revoked exactly once with `ack`, `retry` or `park`.
 */
export interface Source {
  /** How often held events are extended: a third of the time after which the source gives them to somebody else. */
  readonly extendEveryMs: number;
  /** False where a single event cannot come back later: what is to be retried then waits in the loop. */
  readonly redelivers: boolean;
  /** Why nothing comes, where that is for somebody to mend. */
  readonly blocked?: string | undefined;
  /**
   * Resolves with events as soon as there is one, in the order of their partition or key; rejects with the signal's
   * reason. Never loses what it took while the signal aborted: that comes again.
   */
  pull(credit: Credit, signal: AbortSignal): Promise<readonly SourceEvent[]>;
  /** `working()`. Those that were lost are announced as revoked. */
  extend(events: readonly SourceEvent[], signal: AbortSignal): Promise<void>;
  /** Fenced: what is not ours any more is left as it is. A success of a revoked event is worth a try all the same. */
  settle(settlements: readonly Settlement[], signal: AbortSignal): Promise<void>;
  /** One listener, set before the first pull. */
  onRevoked(listener: (revocation: Revocation) => void): void;
}
