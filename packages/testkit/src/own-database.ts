import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, startEmbedded } from "@hanzo-fn/store";
import { databaseUrl, withClient } from "./postgres-url.ts";
import { recordingLog } from "./recording-log.ts";
import { type CutProxy, startCutProxy } from "./servers/cut-proxy.ts";
import { tempDir } from "./temp-dir.ts";

/** A PostgreSQL of its own, migrated, that may be killed; without a test runner, too. */
export interface OwnDatabase extends AsyncDisposable {
  readonly url: string;
  /** Another way to it, that can be cut. */
  proxy(): Promise<{ readonly url: string; readonly proxy: CutProxy }>;
  query<T extends object>(sql: string, values?: readonly unknown[]): Promise<T[]>;
  /** Breaks all connections at once. */
  disconnectAll(): Promise<void>;
  /** `kill -9` of the server; it comes back by itself, with all that it has committed. */
  crash(): Promise<void>;
}

/** What is committed is written, if not flushed: it outlives the server, and not the machine. */
const FAST = { fsync: "off", full_page_writes: "off" };
const CONNECTIONS = 200;

export async function startOwnDatabase(): Promise<OwnDatabase> {
  await using stack = new AsyncDisposableStack();
  const dir = stack.use(await tempDir("hanzo-fn-pg-"));
  const log = recordingLog();
  const parts = { log, clock: systemClock, signal: undefined, maxConnections: CONNECTIONS };
  const server = await startEmbedded({ dataDir: dir.path, settings: FAST }, parts);
  stack.defer(() => server.stop());
  const { connection } = server;
  const url = databaseUrl(connection);
  const store = await openStore({ database: { url }, log, clock: systemClock });
  await store.close();
  const query = <T extends object>(sql: string, values: readonly unknown[] = []): Promise<T[]> =>
    withClient(url, async (client) => (await client.query<T>(sql, [...values])).rows);
  const kept = stack.move();
  return {
    url,
    query,
    async proxy() {
      const proxy = await startCutProxy({ path: `${connection.host}/.s.PGSQL.${connection.port}` });
      kept.use(proxy);
      return { url: databaseUrl({ ...connection, host: "127.0.0.1", port: proxy.port }), proxy };
    },
    async disconnectAll() {
      await query(
        "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()",
      );
    },
    async crash() {
      const [found] = await query<{ pid: string }>(
        "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1) as pid",
      );
      process.kill(Number(found?.pid), "SIGKILL");
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
