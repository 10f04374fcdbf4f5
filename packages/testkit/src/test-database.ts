import { randomBytes } from "node:crypto";
import { inject } from "vitest";
import { TEMPLATE_DATABASE, withClient } from "./postgres-url.ts";

export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** One statement, as somebody else than the platform. */
  run(sql: string, values?: readonly unknown[]): Promise<void>;
  /** Breaks all connections to it at once, as a crash of the server does. */
  disconnectAll(): Promise<void>;
}

/**
 * `await using database = await createTestDatabase()`: an empty, migrated database of its own on the PostgreSQL
 * of this run, dropped at the end of the block. Integration tests only (`*.it.test.ts`).
 */
export async function createTestDatabase(): Promise<TestDatabase> {
  return cloneOf(TEMPLATE_DATABASE);
}

/** The same without any table. */
export async function createEmptyDatabase(): Promise<TestDatabase> {
  return cloneOf("template0");
}

async function cloneOf(template: string): Promise<TestDatabase> {
  const server = inject("postgresUrl") as string | undefined;
  if (server === undefined) {
    throw new Error(
      "no PostgreSQL in this run: it takes Node 24 (through npm) and the project `integration`",
    );
  }
  const name = `t_${randomBytes(8).toString("hex")}`;
  await withClient(server, (client) => client.query(`create database ${name} template ${template}`));
  const url = new URL(server);
  url.pathname = `/${name}`;
  return {
    name,
    url: url.href,
    run: (sql, values = []) =>
      withClient(url.href, async (client) => void (await client.query(sql, [...values]))),
    disconnectAll: () =>
      withClient(server, async (client) => {
        await client.query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", [
          name,
        ]);
      }),
    async [Symbol.asyncDispose]() {
      await withClient(server, (client) => client.query(`drop database ${name} with (force)`));
    },
  };
}
