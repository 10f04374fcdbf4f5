import { PlatformError } from "@hanzo-fn/contract";
import type { JetStreamClient, JetStreamManager } from "@nats-io/jetstream";
import type { ConnectionOptions, NatsConnection } from "@nats-io/transport-node";
import { EventEmitter, once } from "node:events";

export interface NatsSettings {
  /** `nats://host:4222` or `tls://…`; a user and a password in it count where none are given beside it. */
  readonly servers: readonly string[];
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly token?: string | undefined;
  /** The content of a `.creds` file. */
  readonly creds?: Uint8Array | undefined;
  /** PEM. */
  readonly tls?:
    | {
        readonly ca?: string | undefined;
        readonly cert?: string | undefined;
        readonly key?: string | undefined;
      }
    | undefined;
  /** What this connection is called in the server's lists. */
  readonly name?: string | undefined;
}

/** A connection to NATS that comes back by itself. */
export interface Connected {
  readonly connection: NatsConnection;
  readonly jetstream: JetStreamClient;
  readonly manager: JetStreamManager;
  /** Resolves when the server is reached; at once where it is. */
  whenUp(): Promise<void>;
  /** Runs `work`; rejects when the connection is lost meanwhile, since no answer will come on it. */
  whileUp<T>(work: () => Promise<T>): Promise<T>;
}

const CONNECT_MS = 2000;
const RECONNECT_MS = 250;
/** A server that is gone without a word is found after the second ping that it owes. */
const PING_MS = 10_000;

/** One connection for all who share it, made at its first use, and anew once it was closed for good. */
export interface NatsLink {
  connected(): Promise<Connected>;
  close(): Promise<void>;
}

export function createNatsLink(settings: NatsSettings): NatsLink {
  let connecting: Promise<Connected> | undefined;
  return {
    connected() {
      if (connecting) return connecting;
      const mine = connectNats(settings);
      const forget = (): void => {
        if (connecting === mine) connecting = undefined;
      };
      mine.then(({ connection }) => connection.closed().then(forget), forget);
      return (connecting = mine);
    },
    async close() {
      const connected = await connecting?.catch(() => undefined);
      await connected?.connection.close();
    },
  };
}

/** Connects once. A connection that is lost later is made again for as long as it takes. */
async function connectNats(settings: NatsSettings): Promise<Connected> {
  const [{ connect, credsAuthenticator }, { jetstream, jetstreamManager }] = await Promise.all([
    import("@nats-io/transport-node"),
    import("@nats-io/jetstream"),
  ]);
  const options = connectionOptions(settings);
  if (settings.creds) options.authenticator = credsAuthenticator(settings.creds);
  const connection = await connect(options).catch((error: unknown) => {
    throw refusal(error) ?? error;
  });
  const manager = await jetstreamManager(connection, { checkAPI: false });
  return { connection, jetstream: jetstream(connection), manager, ...watch(connection) };
}

function connectionOptions(settings: NatsSettings): ConnectionOptions {
  const urls = settings.servers.map((server) => new URL(server));
  const login = urls.find((url) => url.username !== "");
  const user = settings.user ?? (login && decodeURIComponent(login.username));
  const pass = settings.password ?? (login && decodeURIComponent(login.password));
  const secure = settings.tls !== undefined || urls.some((url) => url.protocol === "tls:");
  return {
    servers: urls.map((url) => url.host),
    name: settings.name ?? "hanzo-fn",
    timeout: CONNECT_MS,
    maxReconnectAttempts: -1,
    reconnectTimeWait: RECONNECT_MS,
    pingInterval: PING_MS,
    // A stack for every request costs as much as the request.
    noAsyncTraces: true,
    ...(user === undefined ? {} : { user }),
    ...(pass === undefined ? {} : { pass }),
    ...(settings.token === undefined ? {} : { token: settings.token }),
    ...(secure ? { tls: definedOnly(settings.tls ?? {}) } : {}),
  };
}

function definedOnly(tls: NonNullable<NatsSettings["tls"]>): Record<string, string> {
  const entries = Object.entries(tls).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(entries);
}

/** Wrong credentials do not become right by trying again. */
export function refusal(error: unknown): PlatformError | undefined {
  const names = ["AuthorizationError", "UserAuthenticationExpiredError"];
  if (!(error instanceof Error) || !names.includes(error.name)) return undefined;
  return new PlatformError("unavailable", `NATS refuses our credentials: ${error.message}`, {
    component: "brokers",
    cause: error,
    next: "Check triggers.nats.credentials (NATS_PASSWORD).",
  });
}

function watch(connection: NatsConnection): Pick<Connected, "whenUp" | "whileUp"> {
  const events = new EventEmitter().setMaxListeners(0);
  let up = true;
  const follow = async (): Promise<void> => {
    for await (const { type } of connection.status()) {
      if (type !== "disconnect" && type !== "reconnect") continue;
      up = type === "reconnect";
      events.emit(up ? "up" : "down");
    }
  };
  const end = (): void => {
    up = true;
    events.emit("down");
    // Who waits finds the connection closed.
    events.emit("up");
  };
  follow().then(end, end);
  return {
    async whenUp() {
      if (!up) await once(events, "up");
    },
    whileUp: (work) =>
      new Promise((resolve, reject) => {
        const onDown = (): void => reject(new Error("the connection to NATS was lost"));
        events.once("down", onDown);
        work()
          .then(resolve, reject)
          .finally(() => events.off("down", onDown));
      }),
  };
}
