import { Pool, types, type ClientConfig, type PoolClient } from "pg";
import type { PostgresPool, PostgresPoolClient } from "kysely";
import { mapDatabaseError } from "./errors.ts";
import type { StoreLog } from "./log.ts";

/** A server on this machine, reached through the folder of its Unix socket. */
export interface SocketConnection {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** How to reach the database: a URL, or the parts of one. */
export type Connection = { readonly connectionString: string } | SocketConnection;

export interface PoolOptions {
  readonly connection: Connection;
  readonly maxConnections: number;
  readonly log: StoreLog;
}

const CONNECT_TIMEOUT_MS = 5000;
const STATEMENT_TIMEOUT_MS = 30_000;
const IDLE_TIMEOUT_MS = 30_000;

/** A pool whose errors are the platform's (errors.ts). A connection that broke is thrown away, so it heals by itself. */
export function createPool(options: PoolOptions): PostgresPool {
  const pool = new Pool({
    ...clientConfig(options.connection),
    max: options.maxConnections,
    idleTimeoutMillis: IDLE_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    // Longer than the server's own limit: it fires only where the server no longer answers at all.
    query_timeout: STATEMENT_TIMEOUT_MS + 5000,
  });
  pool.on("error", (error) =>
    options.log.warn("an idle database connection broke", { error: error.message }),
  );
  // The pool listens while a client is idle only. One that breaks in use fails its query, and without a listener
  // the process as well.
  pool.on("connect", (client) => client.on("error", () => undefined));
  const wrapped: PostgresPool = {
    async connect() {
      try {
        return mapClient(await pool.connect());
      } catch (error) {
        throw mapDatabaseError(error);
      }
    },
    end: () => pool.end(),
    options: {},
  };
  return wrapped;
}

export function clientConfig(connection: Connection): ClientConfig {
  return {
    ...connection,
    application_name: "hanzo-fn",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    types: { getTypeParser: typeParser },
  };
}

const INT8 = 20;
const INT8_ARRAY = 1016;

/** 64-bit integers as numbers. A value that a number cannot hold throws rather than being rounded. */
function typeParser(oid: number, format?: "text" | "binary"): unknown {
  if (oid === INT8) return toSafeInteger;
  if (oid === INT8_ARRAY) {
    const parse = types.getTypeParser(INT8_ARRAY as 20, "text") as unknown as (
      text: string,
    ) => (string | null)[];
    return (text: string) => parse(text).map((item) => (item === null ? null : toSafeInteger(item)));
  }
  return types.getTypeParser(oid, format as "text");
}

function toSafeInteger(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number)) throw new RangeError(`${text} is beyond the integers a number can hold`);
  return number;
}

const MAPPED = Symbol("mapped");

/** kysely remembers clients by identity, so a client is wrapped in place, once. */
function mapClient(client: PoolClient): PostgresPoolClient {
  const marked = client as PoolClient & { [MAPPED]?: true };
  if (!marked[MAPPED]) {
    marked[MAPPED] = true;
    const query = client.query.bind(client) as (...args: unknown[]) => Promise<unknown>;
    const mapped = (...args: unknown[]): unknown => {
      const result = query(...args);
      if (!(result instanceof Promise)) return result;
      return result.catch((error: unknown) => {
        throw mapDatabaseError(error);
      });
    };
    Object.defineProperty(client, "query", { value: mapped, writable: true });
  }
  return client as unknown as PostgresPoolClient;
}
