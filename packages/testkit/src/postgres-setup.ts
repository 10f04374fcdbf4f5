import { openStore, startEmbedded, type EmbeddedDatabase } from "@hanzo-fn/store";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { TestProject } from "vitest/node";
import { databaseUrl, TEMPLATE_DATABASE, withClient } from "./postgres-url.ts";
import { recordingLog } from "./recording-log.ts";
import { tempDir } from "./temp-dir.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Of the maintenance database of the PostgreSQL of this run. */
    postgresUrl: string;
  }
}

/** Crash tests need acknowledged rows to outlive a killed server, so `synchronous_commit` stays on. */
const FAST = { fsync: "off", full_page_writes: "off", max_connections: "200" };

/** vitest's global setup: one PostgreSQL for the whole run, with a migrated database to clone from. */
// oxlint-disable-next-line import/no-default-export -- vitest asks for it
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Without it the tests that need no database still run; `createTestDatabase` says what is missing.
  if (Number.parseInt(process.versions.node, 10) < 24) return () => Promise.resolve();
  const dir = await tempDir("hanzo-fn-pg-");
  const database = await startEmbedded(
    { dataDir: dir.path, settings: FAST },
    { log: recordingLog(), clock: systemClock, signal: undefined, maxConnections: 200 },
  );
  const teardown = async (): Promise<void> => {
    await database.stop();
    await dir[Symbol.asyncDispose]();
  };
  try {
    project.provide("postgresUrl", await makeTemplate(database));
    return teardown;
  } catch (error) {
    await teardown();
    throw error;
  }
}

async function makeTemplate(database: EmbeddedDatabase): Promise<string> {
  const url = databaseUrl(database.connection);
  await withClient(url, (client) => client.query(`create database ${TEMPLATE_DATABASE}`));
  const store = await openStore({
    database: { url: databaseUrl({ ...database.connection, database: TEMPLATE_DATABASE }) },
    log: recordingLog(),
    clock: systemClock,
  });
  await store.close();
  return url;
}
