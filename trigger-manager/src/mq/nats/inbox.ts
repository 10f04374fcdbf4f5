import type { NatsConnected } from "@hanzo-fn/brokers";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Msg, Subscription } from "@nats-io/transport-node";

/** How a request for messages ended. */
export type End =
  /** All that it asked for, or all that there was. */
  | { readonly kind: "done" }
  /** The next message is larger than what it asked for. */
  | { readonly kind: "too_large" }
  /** The server said no, or nothing any more: whoever asked looks whether the consumer is still there. */
  | { readonly kind: "broken"; readonly why: string };

export interface Request {
  readonly events: number;
  /** Undefined: of any size. */
  readonly bytes: number | undefined;
}

export interface InboxParts {
  readonly connected: NatsConnected;
  readonly clock: Clock;
  readonly stream: string;
  readonly consumer: string;
  /** Messages, whether they were asked for a moment or a while ago. */
  readonly onMessage: (message: Msg, askedAtMs: number) => void;
}

/**
 * One request for messages at a time. It waits for the first one and is over once everything there is has been sent
 * (`no_wait` with `expires`): what a request brings is never more than what was asked for, nor held back to fill it.
 */
export interface Inbox {
  /** How the latest one ended; undefined while it goes on. */
  readonly end: End | undefined;
  /** Starts a request. Only after the one before has ended. */
  ask(request: Request): void;
  /** How many messages the running request may still bring. */
  readonly missing: number;
  /** Messages that still come are lost to us; the server gives them to others. */
  close(): void;
}

const NS_PER_MS = 1_000_000;
const EXPIRES_MS = 60_000;
const HEARTBEAT_MS = 15_000;
/** Without a sign of life for so long the request is gone. */
const SILENCE_MS = 2.5 * HEARTBEAT_MS;

/** Requests are many: a reason of its own for each end would cost more than the request. */
const OVER = new Error("the request is over");

function endOf(code: number, description: string): End | undefined {
  if (code === 100) return undefined;
  if (code === 404 || code === 408) return { kind: "done" };
  if (code === 409 && /exceeds maxbytes/i.test(description)) return { kind: "too_large" };
  // The server gave what it could of a batch that was limited by its own settings.
  if (code === 409 && /batch completed/i.test(description)) return { kind: "done" };
  return { kind: "broken", why: description === "" ? `status ${code}` : description };
}

export function createInbox(parts: InboxParts, onEnd: () => void): Inbox {
  const { connected, clock, stream, consumer } = parts;
  const { connection } = connected;
  const base = `_INBOX.${crypto.randomUUID().replaceAll("-", "")}`;
  const nextSubject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
  let number = 0;
  let missing = 0;
  let askedAtMs = 0;
  let heardAtMs = 0;
  let end: End | undefined = { kind: "done" };
  let watch: AbortController | undefined;

  const finish = (how: End): void => {
    if (end !== undefined) return;
    end = how;
    missing = 0;
    watch?.abort(OVER);
    onEnd();
  };
  const onMessage = (message: Msg): void => {
    heardAtMs = clock.monotonic();
    if (message.reply !== undefined && message.reply !== "") {
      parts.onMessage(message, askedAtMs);
      missing -= 1;
      if (missing <= 0) finish({ kind: "done" });
      return;
    }
    // What an earlier request still had to say is no news.
    if (message.subject !== `${base}.${number}`) return;
    const how = endOf(message.headers?.code ?? 0, message.headers?.description ?? "");
    if (how !== undefined) finish(how);
  };
  const subscription: Subscription = connection.subscribe(`${base}.*`, {
    callback: (error, message) => {
      if (error) finish({ kind: "broken", why: error.message });
      else onMessage(message);
    },
  });
  const guard = async (signal: AbortSignal): Promise<void> => {
    const lost = connected.whileUp(
      () => new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true })),
    );
    lost.catch(() => finish({ kind: "broken", why: "the connection was lost" }));
    while (!signal.aborted) {
      const silentMs = clock.monotonic() - heardAtMs;
      if (silentMs >= SILENCE_MS) return finish({ kind: "broken", why: "the server fell silent" });
      await clock.sleep(SILENCE_MS - silentMs, signal).catch(() => {});
    }
  };

  return {
    get end() {
      return end;
    },
    get missing() {
      return missing;
    },
    ask({ events, bytes }) {
      end = undefined;
      missing = events;
      number += 1;
      askedAtMs = heardAtMs = clock.monotonic();
      watch = new AbortController();
      void guard(watch.signal);
      const options = {
        batch: events,
        ...(bytes === undefined ? {} : { max_bytes: bytes }),
        no_wait: true,
        expires: EXPIRES_MS * NS_PER_MS,
        idle_heartbeat: HEARTBEAT_MS * NS_PER_MS,
      };
      connection.publish(nextSubject, JSON.stringify(options), { reply: `${base}.${number}` });
    },
    close() {
      watch?.abort(OVER);
      if (!subscription.isClosed()) subscription.unsubscribe();
    },
  };
}
