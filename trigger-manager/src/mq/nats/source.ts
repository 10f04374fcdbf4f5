import type { NatsLink } from "@hanzo-fn/brokers";
import { abortable, type Clock } from "@hanzo-fn/lifecycle";
import type { Revocation, SourceEvent } from "../../delivery/source.ts";
import type { AttemptBook } from "../attempts.ts";
import type { MqConsumer, MqSource } from "../broker.ts";
import { inherit } from "../inherit.ts";
import { createFetcher } from "./fetcher.ts";
import { createLeases } from "./leases.ts";
import type { Delivered } from "./message.ts";
import type { Pulse } from "./pulse.ts";
import { isOurs, nak, tell, WORKING } from "./settle.ts";

export interface NatsSourceParts {
  readonly link: NatsLink;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly attempts: AttemptBook;
  readonly consumer: MqConsumer;
  readonly ackWaitMs: number;
  readonly ordered: boolean;
  /** How many of its events are out, with whoever. */
  readonly out: (consumer: MqConsumer, signal: AbortSignal) => Promise<number>;
  /** Finds the consumer, or makes it anew where it was lost; the last sequence of the stream if so. */
  readonly restore: (
    consumer: MqConsumer,
    why: string,
    signal: AbortSignal,
  ) => Promise<{ readonly consumer: MqConsumer; readonly lastSequence?: number | undefined }>;
  /** What of a failure is for somebody to mend. */
  readonly blockedBy: (error: unknown) => string | undefined;
}

/** Without room in a partition it is looked again after this. */
const ROOM_MS = 50;
const LAST_WORDS_MS = 2000;

export function createNatsSource(parts: NatsSourceParts): MqSource {
  const { link, pulse, clock, attempts, ackWaitMs, ordered } = parts;
  const closing = new AbortController();
  const leases = createLeases();
  let { consumer } = parts;
  let blocked: string | undefined;
  let isHeir = ordered;
  /** The server has forgotten how often it delivered these. */
  let forgottenUpTo = 0;
  let onRevoked: (revocation: Revocation) => void = () => {};

  const repair = async (why: string, signal: AbortSignal): Promise<void> => {
    try {
      const restored = await parts.restore(consumer, why, signal);
      consumer = restored.consumer;
      forgottenUpTo = Math.max(forgottenUpTo, restored.lastSequence ?? 0);
      blocked = undefined;
    } catch (error) {
      if (!signal.aborted) blocked = parts.blockedBy(error) ?? blocked;
      throw error;
    }
  };
  const fetcher = createFetcher({ link, pulse, clock, ackWaitMs, ordered, consumer: () => consumer, repair });
  pulse.keep(closing.signal);

  const returnEarly = async (early: readonly (readonly [Delivered, number])[]): Promise<void> => {
    if (early.length === 0) return;
    const { connection } = await link.connected();
    for (const [{ reply }, delayMs] of early) connection.publish(reply, nak(delayMs));
  };
  const handOut = async (delivered: readonly Delivered[]): Promise<SourceEvent[]> => {
    const now = clock.now();
    const early = delivered
      .filter(({ notBeforeMs }) => notBeforeMs !== undefined && notBeforeMs > now)
      .map((one) => [one, (one.notBeforeMs ?? now) - now] as const);
    await returnEarly(early);
    const due =
      early.length === 0 ? delivered : delivered.filter(({ notBeforeMs }) => (notBeforeMs ?? now) <= now);
    const again = due.filter(({ deliveries, sequence }) => deliveries > 1 || sequence <= forgottenUpTo);
    const known = again.length === 0 ? undefined : await attempts.of(again.map(({ event }) => event.id));
    return due.map((one) => {
      const failed = known?.get(one.event.id);
      const event: SourceEvent = {
        ...one.event,
        attempt: (failed?.attempts ?? 0) + 1,
        ageMs: failed?.failingForMs ?? 0,
        expired: (one.expiresAtMs ?? now) < now,
      };
      leases.add(event, one);
      return event;
    });
  };

  return {
    extendEveryMs: ackWaitMs / 3,
    redelivers: true,
    get blocked() {
      return blocked;
    },
    onRevoked: (listener) => void (onRevoked = listener),
    async pull(credit, signal) {
      if (isHeir) {
        const out = (signal: AbortSignal): Promise<number> => parts.out(consumer, signal);
        fetcher.expect(await inherit({ clock, ackWaitMs, out }, signal));
        isHeir = false;
      }
      for (;;) {
        const events = Math.min(credit.events, credit.room(""));
        if (events <= 0) {
          await clock.sleep(ROOM_MS, signal);
          continue;
        }
        const delivered = await fetcher.fetch(events, credit.bytes, signal);
        blocked = undefined;
        try {
          const handed = await handOut(delivered);
          if (handed.length > 0) return handed;
        } catch (error) {
          fetcher.putBack(delivered);
          throw error;
        }
      }
    },
    async extend(events, signal) {
      const sentAtMs = clock.monotonic();
      const lost = events.filter((event) => (leases.get(event)?.untilMs ?? sentAtMs) <= sentAtMs);
      if (lost.length > 0) onRevoked({ events: lost, cut: false });
      const ours = new Set(events).difference(new Set(lost));
      if (ours.size === 0) return;
      const { connection } = await abortable(link.connected(), signal);
      for (const event of ours) connection.publish(leases.get(event)?.reply ?? "", WORKING);
      await abortable(pulse.arrived(signal), signal);
      for (const event of ours) {
        const lease = leases.get(event);
        // Given back meanwhile, it is not ours again.
        if (lease !== undefined && lease.untilMs > sentAtMs) lease.untilMs = sentAtMs + ackWaitMs;
      }
    },
    async settle(settlements, signal) {
      const now = clock.monotonic();
      const ours = settlements.filter((one) => isOurs(leases, one, now));
      await attempts.record(ours);
      const connected = await abortable(link.connected(), signal);
      await abortable(connected.whenUp(), signal);
      tell(connected, leases, ours, clock.monotonic());
      if (ours.some(({ kind }) => kind !== "hold")) await abortable(pulse.arrived(signal), signal);
      await attempts.forget(ours);
    },
    async close() {
      closing.abort(new Error("the source is closed"));
      await fetcher.close().catch(() => {});
      await abortable(
        pulse.arrived(AbortSignal.timeout(LAST_WORDS_MS)),
        AbortSignal.timeout(LAST_WORDS_MS),
      ).catch(() => {});
    },
  };
}
