import { PlatformError } from "@hanzo-fn/contract";
import { abortable, type Clock } from "@hanzo-fn/lifecycle";
import type { MqHeld, MqMessage, MqSettlement, Store } from "@hanzo-fn/store";
import type { Credit, Revocation, Settlement, SourceEvent } from "../../delivery/source.ts";
import type { AttemptBook } from "../attempts.ts";
import type { MqConsumer, MqSource } from "../broker.ts";
import { openMessage } from "../envelope.ts";
import { eventId } from "../event-id.ts";
import { headersOf } from "../headers.ts";
import { inherit } from "../inherit.ts";
import type { Waker } from "./waker.ts";

export interface EmbeddedSourceParts {
  readonly mq: Store["mq"];
  readonly waker: Waker;
  readonly clock: Clock;
  readonly attempts: AttemptBook;
  readonly consumer: MqConsumer;
  readonly leaseMs: number;
  readonly ordered: boolean;
  readonly settle: (settlements: readonly MqSettlement[]) => Promise<void>;
  /** Finds the consumer, or makes it anew where it was lost. */
  readonly restore: (
    consumer: MqConsumer,
    isLost: boolean,
  ) => Promise<{ readonly consumer: MqConsumer; readonly id: number; readonly isNew: boolean }>;
}

const ROOM_MS = 50;
const AWAKE = new Error("awake");

const isGone = (error: unknown): boolean => error instanceof PlatformError && error.code === "not_found";

function verbOf({ kind }: Settlement): MqSettlement["verb"] | undefined {
  return kind === "hold" ? undefined : kind;
}

export function createEmbeddedSource(parts: EmbeddedSourceParts): MqSource {
  const { mq, waker, clock, attempts, leaseMs } = parts;
  const leases = new WeakMap<SourceEvent, MqHeld>();
  let { consumer } = parts;
  let id: number | undefined;
  let blocked: string | undefined;
  let isHeir = parts.ordered;
  /** The consumer was made anew: it does not know any more what it has delivered. */
  let isForgetful = false;
  /** What this replica gave back comes again at this time; nobody tells. */
  let dueAtMs = Number.POSITIVE_INFINITY;
  let isAwake = true;
  let waking = Promise.withResolvers<void>();
  let onRevoked: (revocation: Revocation) => void = () => {};

  const find = async (isLost: boolean): Promise<number> => {
    try {
      const restored = await parts.restore(consumer, isLost);
      consumer = restored.consumer;
      isForgetful ||= restored.isNew;
      blocked = undefined;
      return (id = restored.id);
    } catch (error) {
      if (error instanceof PlatformError && error.code !== "database_unavailable") blocked = error.message;
      throw error;
    }
  };
  const release = (held: readonly MqHeld[], delayMs = 0): Promise<void> =>
    parts.settle(held.map((one) => ({ ...one, verb: "retry", delayMs })));

  const pullOnce = async (
    events: number,
    bytes: number,
    signal: AbortSignal,
  ): Promise<readonly MqMessage[]> => {
    const consumerId = id ?? (await find(false));
    const pulling = mq.pull(consumerId, { events, bytes, leaseMs });
    try {
      return await abortable(pulling, signal);
    } catch (error) {
      if (signal.aborted) {
        // It is taken all the same: nobody else would get it until its time is over.
        const back = pulling.then((rows) => release(rows.map((row) => ({ ...row, consumerId }))));
        back.catch(() => {});
      } else if (isGone(error)) {
        id = undefined;
        await find(true);
        isAwake = true;
        return [];
      }
      throw error;
    }
  };
  const idOf = (seq: number): string => eventId(consumer, seq);
  const wake = (): void => {
    isAwake = true;
    waking.resolve();
  };
  const { stream, subject } = consumer;
  const leave = waker.join({ consumerId: () => id, stream, subject, wake });

  const handOut = async (rows: readonly MqMessage[], consumerId: number): Promise<SourceEvent[]> => {
    const now = clock.now();
    const opened = rows.map((row) => ({ row, message: openMessage(row.body, row.publishedAt.getTime()) }));
    const due = opened.filter(({ message }) => (message.notBeforeMs ?? now) <= now);
    for (const { row, message } of opened) {
      const delayMs = (message.notBeforeMs ?? now) - now;
      if (delayMs > 0) await release([{ ...row, consumerId }], delayMs);
    }
    const again = due.filter(({ row }) => row.deliveries > 1 || isForgetful).map(({ row }) => idOf(row.seq));
    const known = again.length === 0 ? undefined : await attempts.of(again);
    return due.map(({ row, message }) => {
      const failed = known?.get(idOf(row.seq));
      const event: SourceEvent = {
        id: idOf(row.seq),
        body: message.body,
        json: message.json,
        headers: headersOf(Object.entries(row.headers), message.headers),
        attempt: (failed?.attempts ?? 0) + 1,
        ageMs: failed?.failingForMs ?? 0,
        expired: (message.expiresAtMs ?? now) < now,
        partition: "",
        key: row.subject,
        source: row.subject,
        timestamp: message.timestamp ?? row.publishedAt.toISOString(),
      };
      leases.set(event, { consumerId, seq: row.seq, deliveries: row.deliveries });
      return event;
    });
  };
  const rest = async (signal: AbortSignal): Promise<void> => {
    if (isAwake) return;
    waking = Promise.withResolvers();
    const timer = new AbortController();
    const waitMs = dueAtMs - clock.monotonic();
    if (Number.isFinite(waitMs)) clock.sleep(Math.max(0, waitMs), timer.signal).then(wake, () => {});
    try {
      await abortable(waking.promise, signal);
    } finally {
      timer.abort(AWAKE);
    }
  };
  const attempt = async (credit: Credit, signal: AbortSignal): Promise<readonly SourceEvent[]> => {
    const events = Math.min(credit.events, credit.room(""));
    if (events <= 0) {
      await clock.sleep(ROOM_MS, signal);
      return [];
    }
    isAwake = false;
    if (dueAtMs <= clock.monotonic()) dueAtMs = Number.POSITIVE_INFINITY;
    const rows = await pullOnce(events, Math.max(1, credit.bytes), signal);
    blocked = undefined;
    if (rows.length === 0) {
      await rest(signal);
      return [];
    }
    const consumerId = id ?? -1;
    try {
      return await handOut(rows, consumerId);
    } catch (error) {
      await release(rows.map((row) => ({ ...row, consumerId }))).catch(() => {});
      throw error;
    }
  };

  return {
    extendEveryMs: leaseMs / 3,
    redelivers: true,
    get blocked() {
      return blocked;
    },
    onRevoked: (listener) => void (onRevoked = listener),
    async pull(credit, signal) {
      if (isHeir) {
        const consumerId = id ?? (await find(false));
        const out = (): Promise<number> => mq.leased(consumerId);
        // What comes again comes first, and in the order of the stream.
        await inherit({ clock, ackWaitMs: leaseMs, out }, signal);
        isHeir = false;
      }
      for (;;) {
        signal.throwIfAborted();
        const events = await attempt(credit, signal);
        if (events.length > 0) return events;
      }
    },
    async extend(events, signal) {
      const held = events.flatMap((event) => {
        const lease = leases.get(event);
        return lease === undefined ? [] : [{ event, lease }];
      });
      const kept = await abortable(
        mq.extend(
          held.map(({ lease }) => lease),
          leaseMs,
        ),
        signal,
      );
      const lost = held.filter((_, i) => kept[i] !== true).map(({ event }) => event);
      if (lost.length > 0) onRevoked({ events: lost, cut: false });
    },
    async settle(settlements, signal) {
      await abortable(attempts.record(settlements), signal);
      const told = settlements.flatMap((one) => {
        const lease = leases.get(one.event);
        const verb = verbOf(one);
        const delayMs = one.kind === "retry" ? one.delayMs : 0;
        return lease === undefined || verb === undefined ? [] : [{ ...lease, verb, delayMs }];
      });
      if (told.length > 0) await abortable(parts.settle(told), signal);
      const delays = told.filter(({ verb }) => verb === "retry").map(({ delayMs }) => delayMs);
      const soonest = clock.monotonic() + Math.min(...delays);
      if (soonest < dueAtMs) {
        dueAtMs = soonest;
        wake();
      }
      await attempts.forget(settlements);
    },
    close() {
      leave();
      return Promise.resolve();
    },
  };
}
