import type { Clock } from "@hanzo-fn/lifecycle";
import path from "node:path";
import type { StoreLog } from "../log.ts";
import type { SocketConnection } from "../pool.ts";
import { findPostgres } from "./binaries.ts";
import { initialise } from "./initialise.ts";
import { layoutOf, prepareLayout } from "./layout.ts";
import { takeLock } from "./lock.ts";
import { startPostmaster } from "./postmaster.ts";
import { makeReachable } from "./reach.ts";
import { stopStray } from "./stray.ts";
import { chooseUser } from "./user.ts";

export interface EmbeddedOptions {
  /** The platform's data directory; the database lives in `<dataDir>/postgres`. */
  readonly dataDir: string;
  /** Runs PostgreSQL as this user where the process runs as root; `postgres`, else `nobody`, where not given. */
  readonly uid?: number | undefined;
  /** Settings of PostgreSQL on top of ours, for tests. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

export interface EmbeddedDatabase {
  readonly connection: SocketConnection;
  /** The user PostgreSQL runs as. Nothing that belongs to a tenant may run as this user. */
  readonly uid: number;
  stop(): Promise<void>;
}

export interface EmbeddedParts {
  readonly log: StoreLog;
  readonly clock: Clock;
  readonly signal: AbortSignal | undefined;
  readonly maxConnections: number;
}

/**
 * A PostgreSQL of our own in the data directory: made on the first start, stopped with us, started again when it
 * dies. It listens on a Unix socket in a private folder only, and asks for a password there all the same.
 */
export async function startEmbedded(
  options: EmbeddedOptions,
  parts: EmbeddedParts,
): Promise<EmbeddedDatabase> {
  const { log, clock } = parts;
  const user = await chooseUser(options.uid);
  const layout = layoutOf(path.resolve(options.dataDir));
  await prepareLayout(layout, user);
  const lock = await takeLock(layout.lock, options.dataDir);
  try {
    const native = await makeReachable(findPostgres(), layout, user);
    await stopStray(layout.data, { clock, log });
    parts.signal?.throwIfAborted();
    const password = await initialise({ native, layout, user, log, clock });
    const postmaster = await startPostmaster(
      { native, layout, user, settings: options.settings ?? {}, maxConnections: parts.maxConnections },
      { log, clock, signal: parts.signal },
    );
    return {
      uid: user.uid,
      connection: { host: postmaster.socketDir, port: 5432, user: "hanzo", password, database: "postgres" },
      async stop() {
        await postmaster.stop();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}
