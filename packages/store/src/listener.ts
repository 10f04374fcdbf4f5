import { backoffDelay, withFullJitter, type Clock } from "@hanzo-fn/lifecycle";
import { Client } from "pg";
import type { StoreLog } from "./log.ts";
import { clientConfig, type Connection } from "./pool.ts";

export interface Subscription {
  onNotify(payload: string): void;
  /** The connection was made (anew): what was notified before may have been missed. */
  onConnected(): void;
}

/** One connection that listens for everybody in this process and comes back by itself. */
export interface Listener {
  subscribe(channel: string, subscription: Subscription, signal: AbortSignal): void;
  close(): Promise<void>;
}

export interface ListenerOptions {
  readonly connection: () => Connection;
  readonly channels: readonly string[];
  readonly clock: Clock;
  readonly log: StoreLog;
}

const RECONNECT = { initialMs: 50, factor: 2, maxMs: 2000 };
/** A dead peer sends no FIN; this finds it. */
const PROBE_MS = 15_000;

export function createListener(options: ListenerOptions): Listener {
  const subscriptions = new Map<string, Set<Subscription>>();
  const closing = new AbortController();
  let connected = false;
  let running: Promise<void> | undefined;

  const each = (channel: string | undefined, call: (subscription: Subscription) => void): void => {
    const sets =
      channel === undefined ? [...subscriptions.values()] : [subscriptions.get(channel) ?? new Set()];
    for (const set of sets) {
      for (const subscription of set) {
        try {
          call(subscription);
        } catch (error) {
          options.log.error("a database notification was handled badly", { error: String(error) });
        }
      }
    }
  };

  const serve = async (): Promise<void> => {
    const client = new Client({ ...clientConfig(options.connection()), query_timeout: 10_000 });
    const broken = new Promise<never>((_, reject) => {
      client.on("error", reject);
      client.once("end", () => reject(new Error("the listening connection ended")));
    });
    broken.catch(() => undefined);
    client.on("notification", (message) => {
      each(message.channel, (subscription) => subscription.onNotify(message.payload ?? ""));
    });
    try {
      await client.connect();
      for (const channel of options.channels)
        await client.query(`listen ${client.escapeIdentifier(channel)}`);
      connected = true;
      each(undefined, (subscription) => subscription.onConnected());
      for (;;) {
        await Promise.race([options.clock.sleep(PROBE_MS, closing.signal), broken]);
        await client.query("select 1");
      }
    } finally {
      connected = false;
      // A peer that is gone without a word never answers the farewell.
      const farewell = new AbortController();
      await Promise.race([
        client.end().finally(() => farewell.abort()),
        options.clock.sleep(1000, farewell.signal),
      ]).catch(() => undefined);
    }
  };

  const run = async (): Promise<void> => {
    for (let attempt = 1; !closing.signal.aborted; attempt++) {
      const startedAt = options.clock.monotonic();
      try {
        await serve();
      } catch (error) {
        if (closing.signal.aborted) return;
        if (options.clock.monotonic() - startedAt > RECONNECT.maxMs) attempt = 1;
        options.log.warn("lost the listening database connection", { error: String(error) });
      }
      const delayMs = withFullJitter(backoffDelay(RECONNECT, attempt), Math.random());
      await options.clock.sleep(delayMs, closing.signal).catch(() => undefined);
    }
  };

  return {
    subscribe(channel, subscription, signal) {
      if (signal.aborted) return;
      const set = subscriptions.get(channel) ?? new Set();
      subscriptions.set(channel, set.add(subscription));
      signal.addEventListener("abort", () => set.delete(subscription), { once: true });
      running ??= run();
      if (connected) queueMicrotask(() => signal.aborted || subscription.onConnected());
    },
    async close() {
      closing.abort(new Error("the store is closing"));
      subscriptions.clear();
      await running;
    },
  };
}
