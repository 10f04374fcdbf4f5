import type { Kysely } from "kysely";
import type { JsonObject } from "../json.ts";
import type { Database } from "../schema.ts";

/** Facts of the deployment (org `""`) or of one organisation, such as the development issuer's keys. Never a user's secret. */
export interface SettingQueries {
  get(org: string, key: string): Promise<JsonObject | undefined>;
  set(org: string, key: string, value: JsonObject, now: Date): Promise<void>;
  /** Stores `value` where there is none yet; returns what is stored then. Of two rivals one wins for both. */
  setIfAbsent(org: string, key: string, value: JsonObject, now: Date): Promise<JsonObject>;
  delete(org: string, key: string): Promise<boolean>;
}

export function createSettingQueries(db: Kysely<Database>): SettingQueries {
  const get = async (org: string, key: string): Promise<JsonObject | undefined> => {
    const row = await db
      .selectFrom("settings")
      .select("value")
      .where("org", "=", org)
      .where("key", "=", key)
      .executeTakeFirst();
    return row?.value;
  };
  return {
    get,

    async set(org, key, value, now) {
      const set = { value: JSON.stringify(value), updatedAt: now };
      await db
        .insertInto("settings")
        .values({ org, key, ...set })
        .onConflict((conflict) => conflict.columns(["org", "key"]).doUpdateSet(set))
        .execute();
    },

    async setIfAbsent(org, key, value, now) {
      await db
        .insertInto("settings")
        .values({ org, key, value: JSON.stringify(value), updatedAt: now })
        .onConflict((conflict) => conflict.doNothing())
        .execute();
      return (await get(org, key)) ?? value;
    },

    async delete(org, key) {
      const result = await db
        .deleteFrom("settings")
        .where("org", "=", org)
        .where("key", "=", key)
        .executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}
