import { createClient, ErrorReply, RESP_TYPES } from "@redis/client";
import { PlatformError, type Secret } from "@hanzo-fn/contract";
import { backoffDelay, type Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { refuse } from "../refuse.ts";

/** One connection that comes back by itself. */
export interface ValkeyConnection {
  /**
   * The reply to one command: `Buffer` for text, numbers, null, and lists of these. Rejects with the platform's
   * errors (`Kv`), within the time limit in any case.
   */
  send(...command: readonly (string | Buffer)[]): Promise<unknown>;
  close(): Promise<void>;
}

export interface ValkeyOptions {
  /** `redis://`, `rediss://`, `valkey://` or `valkeys://`. */
  readonly url: Secret;
  /** For a connection and for a reply, in milliseconds. */
  readonly timeoutMs: number;
}

const BACKOFF = { initialMs: 100, factor: 2, maxMs: 5000 };
const MAX_WAITING = 10_000;
const NEXT = "look after the server of kv.url (KV_URL)";

function unavailable(message: string, cause?: unknown): PlatformError {
  return refuse("unavailable", message, { cause, next: NEXT, retryAfterSeconds: 1 });
}

/** What the server says, as an error of ours; undefined where only the platform can have caused it. */
function explainReply(message: string, cause: unknown): PlatformError | undefined {
  const [word = ""] = message.split(" ", 1);
  if (word === "WRONGTYPE") return refuse("conflict", "the key holds another kind of value", { cause });
  if (/not an integer|would overflow/.test(message))
    return refuse("conflict", "the value is no integer", { cause });
  if (word === "OOM") return refuse("storage_full", "the kv store has no memory left", { cause, next: NEXT });
  if (["NOAUTH", "WRONGPASS", "NOPERM"].includes(word)) {
    return unavailable("the kv store refuses the platform's credentials", cause);
  }
  const passing = [
    "LOADING",
    "READONLY",
    "MASTERDOWN",
    "CLUSTERDOWN",
    "BUSY",
    "MISCONF",
    "NOREPLICAS",
    "MOVED",
  ];
  return passing.includes(word) ? unavailable(`the kv store cannot serve now (${word})`, cause) : undefined;
}

function explain(error: unknown): unknown {
  if (error instanceof PlatformError) return error;
  if (error instanceof ErrorReply) return explainReply(error.message, error) ?? error;
  return unavailable("the kv store cannot be reached", error);
}

function open({ url, timeoutMs }: ValkeyOptions) {
  return createClient({
    url: url.reveal().replace(/^valkey/, "redis"),
    // Every server speaks it, and nothing here needs more.
    RESP: 2,
    maintNotifications: "disabled",
    disableClientInfo: true,
    disableOfflineQueue: true,
    commandsQueueMaxLength: MAX_WAITING,
    // A server that holds the connection but no longer answers is noticed by its silence.
    pingInterval: timeoutMs,
    socket: {
      connectTimeout: timeoutMs,
      socketTimeout: timeoutMs * 3,
      reconnectStrategy: (retries) => backoffDelay(BACKOFF, retries + 1),
    },
    commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } },
  });
}

/** Connects at once and again whenever the connection is lost; logs each loss and each return once. */
export function connectValkey(
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
  options: ValkeyOptions,
): ValkeyConnection {
  const client = open(options);
  const closed = new AbortController();
  let lost = false;
  let ready = Promise.withResolvers<void>();
  client.on("error", (error: unknown) => {
    if (!lost && !closed.signal.aborted) log.warn("the kv store cannot be reached", { error });
    lost = true;
    ready.promise.catch(() => undefined);
    ready.reject(error);
    ready = Promise.withResolvers();
  });
  client.on("ready", () => {
    if (lost) log.info("the kv store is reached again");
    lost = false;
    ready.resolve();
  });
  // It goes on trying until it is closed; what fails is told by `error`.
  client.connect().catch(() => undefined);

  /** Rejects with `unavailable` where the work takes too long, whatever becomes of it. */
  const inTime = async <T>(work: Promise<T>): Promise<T> => {
    const done = new AbortController();
    const late = clock.sleep(options.timeoutMs, AbortSignal.any([done.signal, closed.signal])).then(
      () => Promise.reject(unavailable(`the kv store did not answer within ${options.timeoutMs} ms`)),
      () => Promise.reject(unavailable("the platform is stopping")),
    );
    // Where the work was quicker nobody waits for it.
    late.catch(() => undefined);
    try {
      return await Promise.race([work, late]);
    } finally {
      done.abort();
    }
  };
  const whenReady = async (): Promise<void> => {
    if (client.isReady) return;
    // Known to be away: a caller that waits for it only fails later.
    if (lost) throw unavailable("the kv store cannot be reached");
    await ready.promise;
  };
  return {
    async send(...command) {
      try {
        return await inTime(whenReady().then(() => client.sendCommand([...command])));
      } catch (error) {
        throw explain(error);
      }
    },
    async close() {
      closed.abort();
      client.destroy();
      await Promise.resolve();
    },
  };
}
