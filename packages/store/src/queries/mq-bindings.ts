import { sql, type Kysely } from "kysely";
import { inMs } from "../queue/sql.ts";
import type { Database } from "../schema.ts";

/** A trigger, by what makes it the same one across deploys. */
export interface MqBindingKey {
  readonly org: string;
  readonly function: string;
  readonly key: string;
}

/** The consumer that a trigger has of a message queue, as it was found or made. */
export interface MqBinding extends MqBindingKey {
  readonly stream: string;
  readonly name: string;
  readonly subject: string;
  /** We made it, so it goes with its trigger. */
  readonly created: boolean;
  /** The limit of deliveries that an adopted one had. */
  readonly adoptedAttempts: number | null;
  /** Every message up to it is done. */
  readonly position: number;
  /** When the stream was created, as its broker says it. */
  readonly streamCreated: string;
  /** How often the stream was another one. */
  readonly incarnation: number;
}

const COLUMNS = [
  "org",
  "function",
  "key",
  "stream",
  "name",
  "subject",
  "created",
  "adoptedAttempts",
  "position",
  "streamCreated",
  "incarnation",
] as const;

export interface MqBindingQueries {
  get(key: MqBindingKey): Promise<MqBinding | undefined>;
  /** Those of them that there are, in any order. */
  some(keys: readonly MqBindingKey[]): Promise<MqBinding[]>;
  /** Of one function. */
  of(org: string, fn: string): Promise<MqBinding[]>;
  /** Whose consumer it is; a consumer serves one trigger. */
  byConsumer(stream: string, name: string): Promise<MqBinding | undefined>;
  /** Replaces what the same trigger had. False where another trigger has the consumer. */
  save(binding: MqBinding): Promise<boolean>;
  /** Positions only rise; none is written where the stream has become another one. */
  advance(binding: MqBinding, position: number): Promise<void>;
  forget(key: MqBindingKey): Promise<void>;
  /** Up to `limit` that were bound more than `afterMs` ago and whose trigger is gone. */
  orphans(afterMs: number, limit: number): Promise<MqBinding[]>;
}

export function createMqBindingQueries(db: Kysely<Database>): MqBindingQueries {
  const all = () => db.selectFrom("mqBindings").select(COLUMNS);
  return {
    get: ({ org, function: fn, key }) =>
      all().where("org", "=", org).where("function", "=", fn).where("key", "=", key).executeTakeFirst(),
    some: (keys) =>
      keys.length === 0
        ? Promise.resolve([])
        : all()
            .where(({ eb, refTuple, tuple }) =>
              eb(
                refTuple("org", "function", "key"),
                "in",
                keys.map(({ org, function: fn, key }) => tuple(org, fn, key)),
              ),
            )
            .execute(),
    of: (org, fn) => all().where("org", "=", org).where("function", "=", fn).orderBy("key").execute(),
    byConsumer: (stream, name) =>
      all().where("stream", "=", stream).where("name", "=", name).executeTakeFirst(),
    async save(binding) {
      const { org, function: fn, key, ...rest } = binding;
      const taken = db
        .selectFrom("mqBindings as other")
        .select("other.name")
        .where("other.stream", "=", rest.stream)
        .where("other.name", "=", rest.name)
        .where((eb) =>
          eb.not(
            eb.and([eb("other.org", "=", org), eb("other.function", "=", fn), eb("other.key", "=", key)]),
          ),
        );
      if ((await taken.executeTakeFirst()) !== undefined) return false;
      const { numInsertedOrUpdatedRows } = await db
        .insertInto("mqBindings")
        .values(binding)
        .onConflict((conflict) => conflict.columns(["org", "function", "key"]).doUpdateSet(rest))
        .executeTakeFirst();
      return (numInsertedOrUpdatedRows ?? 0n) > 0n;
    },
    async advance({ org, function: fn, key, streamCreated }, position) {
      await db
        .updateTable("mqBindings")
        .set({ position })
        .where("org", "=", org)
        .where("function", "=", fn)
        .where("key", "=", key)
        .where("streamCreated", "=", streamCreated)
        .where("position", "<", position)
        .execute();
    },
    async forget({ org, function: fn, key }) {
      await db
        .deleteFrom("mqBindings")
        .where("org", "=", org)
        .where("function", "=", fn)
        .where("key", "=", key)
        .execute();
    },
    orphans: (afterMs, limit) =>
      all()
        .where("boundAt", "<", sql<Date>`${inMs(-afterMs)}`)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom("triggers")
                .select("triggers.id")
                .whereRef("triggers.org", "=", "mqBindings.org")
                .whereRef("triggers.function", "=", "mqBindings.function")
                .whereRef("triggers.key", "=", "mqBindings.key"),
            ),
          ),
        )
        .orderBy("boundAt")
        .limit(limit)
        .execute(),
  };
}
