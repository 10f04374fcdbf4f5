import { PlatformError } from "@hanzo-fn/contract";
import type { Kysely } from "kysely";
import { Migrator } from "kysely/migration";
import { mapDatabaseError } from "./errors.ts";
import { MIGRATIONS } from "./migrations/registry.ts";
import type { Database } from "./schema.ts";

/**
 * Brings the schema up to date; the names of the migrations that ran. Two processes at once run each migration
 * once (kysely holds an advisory lock for all of it), and one that fails leaves nothing behind (one transaction).
 */
export async function migrate(db: Kysely<Database>): Promise<string[]> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(MIGRATIONS) },
  });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) {
    return (results ?? [])
      .filter((result) => result.status === "Success")
      .map((result) => result.migrationName);
  }
  const mapped = mapDatabaseError(error);
  if (mapped instanceof PlatformError) throw mapped;
  const failed = results?.find((result) => result.status === "Error")?.migrationName;
  throw new PlatformError(
    "internal",
    `the database's schema cannot be brought up to date: ${describe(error)}`,
    {
      cause: error,
      component: "store",
      next: failed === undefined ? "Check that this version is not older than the database." : undefined,
    },
  );
}

function describe(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
