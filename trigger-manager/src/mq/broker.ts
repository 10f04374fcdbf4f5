import type { Publisher } from "@hanzo-fn/brokers";
import type { Source } from "../delivery/source.ts";

/** What a trigger wants of a broker: a durable consumer whose position outlives every process. */
export interface ConsumerWish {
  /** Of the stream; where it is not given, the broker's own (HIP-55: `HANZO_MQ`). */
  readonly stream?: string | undefined;
  readonly name: string;
  /** May have wildcards. */
  readonly subject: string;
  /** What operators see of it. */
  readonly description: string;
  /** Most events that may be out at once; 1 is strict order. */
  readonly maxAckPending: number;
  /** How the same consumer was found or made before, where it was. */
  readonly known?: MqConsumer | undefined;
}

/** A consumer as it is remembered. */
export interface MqConsumer {
  readonly stream: string;
  readonly name: string;
  readonly subject: string;
  /** We made it, so it goes with its trigger; an adopted one stays. */
  readonly created: boolean;
  /** The limit of deliveries that an adopted one had; it now is the limit of counted attempts. */
  readonly adoptedAttempts?: number | undefined;
  /** Sequence up to which every event of it is done; a consumer that was lost begins after it. */
  readonly position: number;
  /** When the stream was created, as the broker says it: sequences of another one mean nothing. */
  readonly streamCreated: string;
  /** How often the stream was found to be another one. */
  readonly incarnation: number;
}

export interface MqLag {
  /** Events that are not done: not delivered yet, or out. */
  readonly items: number;
  /** Age of the oldest of them in milliseconds; 0 where there is none. */
  readonly ms: number;
  /** As in `MqConsumer`. */
  readonly position: number;
}

export interface OpenOptions {
  readonly triggerId: string;
  readonly maxAckPending: number;
  /** Events of one subject keep their order: what another replica had in hand comes first. */
  readonly ordered: boolean;
  /** As in `ConsumerWish`, should it have to be made anew. */
  readonly description: string;
  /** As it is remembered now, with the position that was read last. */
  readonly current: () => Promise<MqConsumer>;
  /** It was lost and made anew, or its stream is another one: to be remembered before anything of it is delivered. */
  readonly onChanged: (consumer: MqConsumer) => Promise<void>;
}

/** A queue's events for the delivery loop. */
export interface MqSource extends Source {
  /** Why nothing comes, where that is for somebody to mend: the stream is gone, our login is refused. */
  readonly blocked: string | undefined;
  /** Gives back what was fetched and not handed out. After the delivery has stopped; nothing may be settled after it. */
  close(): Promise<void>;
}

/**
 * A message queue: NATS JetStream, or the platform's own on PostgreSQL. Of the two the delivery loop sees no
 * difference; one conformance suite says what both do.
 */
export interface MqBroker {
  /**
   * Makes the consumer, or adopts one that exists, keeping its position. Resolves once it is there for good, so that
   * nothing that is published from then on is missed. Errors: `conflict` where another consumer takes what this one
   * wants, or the one that exists cannot be used; `bad_request` where the stream does not take the subject;
   * `unavailable` where the stream is missing or the broker does not answer.
   */
  ensure(wish: ConsumerWish, signal: AbortSignal): Promise<MqConsumer>;
  open(consumer: MqConsumer, options: OpenOptions): MqSource;
  /** Of those of them of which the broker says it: an unknown lag is not zero. */
  lags(consumers: readonly MqConsumer[], signal: AbortSignal): Promise<ReadonlyMap<MqConsumer, MqLag>>;
  /** Removes the consumer where we made it; an adopted one is left as it is. Idempotent. */
  remove(consumer: MqConsumer, signal: AbortSignal): Promise<void>;
  /** Removes what its own stream has under one subject, without wildcards, where that goes with its only reader. */
  purge(subject: string, signal: AbortSignal): Promise<void>;
  /** Removes what time has ended; for a broker that does so by itself it is nothing. To be called every minute. */
  sweep(): Promise<void>;
  readonly publisher: Publisher;
  /** After all sources are closed. */
  close(): Promise<void>;
}
