import type { Kysely } from "kysely";
import type { ApiKeyRow, Database } from "../schema.ts";

export interface NewApiKey {
  readonly org: string;
  readonly id: string;
  /** SHA-256 of the whole key, in hex. The key itself is never stored. */
  readonly hash: string;
  readonly name: string;
  readonly permissions: readonly string[];
}

export interface ApiKeyQueries {
  /** A key that is not revoked. */
  findByHash(hash: string): Promise<ApiKeyRow | undefined>;
  list(org: string): Promise<ApiKeyRow[]>;
  /** Undefined where the id or the hash is taken. */
  insert(key: NewApiKey, now: Date): Promise<ApiKeyRow | undefined>;
  markUsed(org: string, id: string, now: Date): Promise<void>;
  /** False where there is no such key, or it is revoked already. */
  revoke(org: string, id: string, now: Date): Promise<boolean>;
}

export function createApiKeyQueries(db: Kysely<Database>): ApiKeyQueries {
  return {
    findByHash: (hash) =>
      db
        .selectFrom("apiKeys")
        .selectAll()
        .where("hash", "=", hash)
        .where("revokedAt", "is", null)
        .executeTakeFirst(),

    list: (org) => db.selectFrom("apiKeys").selectAll().where("org", "=", org).orderBy("createdAt").execute(),

    insert: (key, now) =>
      db
        .insertInto("apiKeys")
        .values({ ...key, permissions: [...key.permissions], createdAt: now })
        .onConflict((conflict) => conflict.doNothing())
        .returningAll()
        .executeTakeFirst(),

    async markUsed(org, id, now) {
      await db
        .updateTable("apiKeys")
        .set({ lastUsedAt: now })
        .where("org", "=", org)
        .where("id", "=", id)
        .execute();
    },

    async revoke(org, id, now) {
      const result = await db
        .updateTable("apiKeys")
        .set({ revokedAt: now })
        .where("org", "=", org)
        .where("id", "=", id)
        .where("revokedAt", "is", null)
        .executeTakeFirst();
      return result.numUpdatedRows > 0n;
    },
  };
}
