import type { NatsConnected, NatsLink } from "@hanzo-fn/brokers";
import { abortable, type Clock } from "@hanzo-fn/lifecycle";
import type { MqConsumer } from "../broker.ts";
import { createInbox, type Inbox } from "./inbox.ts";
import { type Delivered, readMessage } from "./message.ts";
import type { Pulse } from "./pulse.ts";
import { nak, WORKING } from "./settle.ts";

export interface FetcherParts {
  readonly link: NatsLink;
  readonly pulse: Pulse;
  readonly clock: Clock;
  readonly consumer: () => MqConsumer;
  readonly ackWaitMs: number;
  readonly ordered: boolean;
  /** Makes sure that the consumer is there; rejects where it cannot be. */
  readonly repair: (why: string, signal: AbortSignal) => Promise<void>;
}

/** Fetches what there is room for. */
export interface Fetcher {
  /** So many come again, in whatever order they were given back: in the order of the stream if all are here. */
  expect(count: number): void;
  /** Up to `events`, at least one, and no more than about `bytes`; what came and was not taken waits for the next. */
  fetch(events: number, bytes: number, signal: AbortSignal): Promise<readonly Delivered[]>;
  /** They come first next time. */
  putBack(events: readonly Delivered[]): void;
  /** Gives back what waits. */
  close(): Promise<void>;
}

/** After the first message of a request: the others are on their way, unless the server holds them back. */
const BURST_MS = 20;
/** Between requests that end with nothing at once. */
const PAUSE_MS = 200;

export function createFetcher(parts: FetcherParts): Fetcher {
  const { link, pulse, clock, consumer, ackWaitMs, ordered, repair } = parts;
  /** What nobody takes is given back, long before the server would do so. */
  const holdMs = ackWaitMs / 3;
  const closing = new AbortController();
  let waiting: Delivered[] = [];
  let inbox: { readonly of: NatsConnected; readonly is: Inbox } | undefined;
  let wake = Promise.withResolvers<void>();
  let isBursting = false;
  let isGuarded = false;
  let emptyEnds = 0;
  let expected = 0;

  const rouse = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const giveBack = async (): Promise<void> => {
    const back = waiting;
    waiting = [];
    const now = clock.monotonic();
    const ours = back.filter(({ untilMs }) => untilMs > now).toSorted((a, b) => a.sequence - b.sequence);
    if (ours.length === 0) return;
    const { connection } = await link.connected();
    for (const { reply } of ours) connection.publish(reply, nak(0));
  };
  const extend = async (): Promise<void> => {
    const { connection } = await link.connected();
    const [sentAtMs, held] = [
      clock.monotonic(),
      waiting.filter(({ untilMs }) => untilMs > clock.monotonic()),
    ];
    for (const { reply } of held) connection.publish(reply, WORKING);
    await pulse.arrived(closing.signal);
    for (const one of held) one.untilMs = sentAtMs + ackWaitMs;
  };
  /** Nothing waits here for longer than `holdMs`; where that would cost its place, not without being extended. */
  const guard = async (): Promise<void> => {
    if (isGuarded) return;
    isGuarded = true;
    while (waiting.length > 0 && !closing.signal.aborted) {
      const [oldest] = waiting;
      await clock.sleep(holdMs, closing.signal).catch(() => {});
      if (closing.signal.aborted || waiting.length === 0) break;
      if (ordered) await extend().catch(() => {});
      else if (waiting[0] === oldest) await giveBack().catch(() => {});
    }
    isGuarded = false;
  };
  const onMessage = (message: Parameters<typeof readMessage>[0], askedAtMs: number): void => {
    // Nothing that is received now was sent before the later of the two.
    const untilMs = Math.max(askedAtMs, pulse.provenAtMs) + ackWaitMs;
    const { stream, incarnation } = consumer();
    waiting.push(readMessage(message, { stream, incarnation, untilMs }));
    if (isBursting) return;
    isBursting = true;
    clock.sleep(BURST_MS, closing.signal).then(
      () => {
        isBursting = false;
        rouse();
      },
      () => {},
    );
    void guard();
  };

  const open = async (signal: AbortSignal): Promise<Inbox> => {
    const connected = await abortable(link.connected(), signal);
    if (inbox?.of === connected) return inbox.is;
    inbox?.is.close();
    await abortable(connected.whenUp(), signal);
    const { stream, name } = consumer();
    const parts = { connected, clock, stream, consumer: name, onMessage };
    const is = createInbox(parts, rouse);
    inbox = { of: connected, is };
    return is;
  };
  const demand = async (events: number, bytes: number | undefined, signal: AbortSignal): Promise<Inbox> => {
    const box = await open(signal);
    const { end } = box;
    if (end === undefined) return box;
    if (emptyEnds > 1) await clock.sleep(PAUSE_MS, signal);
    if (end.kind === "broken") {
      await repair(end.why, signal);
      // It may be another one now.
      box.close();
      inbox = undefined;
      const fresh = await open(signal);
      fresh.ask({ events, bytes });
      return fresh;
    }
    box.ask(end.kind === "too_large" ? { events: 1, bytes: undefined } : { events, bytes });
    return box;
  };
  const take = (events: number, bytes: number): Delivered[] => {
    const now = clock.monotonic();
    // What is over its time was given to others: it was received late, because this process stood still.
    waiting = waiting.filter(({ untilMs }) => untilMs > now);
    if (ordered) waiting.sort((a, b) => a.sequence - b.sequence);
    let size = 0;
    let count = 0;
    for (const { event } of waiting) {
      size += event.body.length;
      if (count >= events || (count > 0 && size > bytes)) break;
      count += 1;
    }
    return waiting.splice(0, count);
  };

  return {
    expect(count) {
      expected = count;
    },
    async fetch(events, bytes, signal) {
      for (;;) {
        signal.throwIfAborted();
        const isOver = inbox?.is.end !== undefined;
        const isWhole = isOver || (expected === 0 && (!isBursting || waiting.length >= events));
        if (isOver && waiting.length > 0) expected = 0;
        const taken = isWhole ? take(events, bytes) : [];
        if (taken.length > 0) return taken;
        const woken = wake.promise;
        const most = Math.max(events, expected);
        const box =
          isWhole || inbox === undefined
            ? await demand(most, most > events ? undefined : bytes, signal)
            : undefined;
        const askedAtMs = clock.monotonic();
        if (box === undefined || (box.end === undefined && waiting.length === 0))
          await abortable(woken, signal);
        const isEmpty = waiting.length === 0 && box?.end !== undefined;
        emptyEnds = isEmpty && clock.monotonic() - askedAtMs < PAUSE_MS ? emptyEnds + 1 : 0;
      }
    },
    putBack(events) {
      waiting = [...events, ...waiting];
      void guard();
    },
    async close() {
      closing.abort(new Error("the source is closed"));
      inbox?.is.close();
      await giveBack();
    },
  };
}
