import type { Kysely } from "kysely";
import type { Database, FunctionRow, RevisionRow, TriggerRow } from "../schema.ts";
import { nextFire } from "./triggers.ts";

/** A function with everything below it, read as of one moment. */
export interface FunctionAggregate {
  readonly function: FunctionRow;
  /** Newest first. */
  readonly revisions: readonly RevisionRow[];
  readonly triggers: readonly TriggerRow[];
}

/** Small, so that reading a thousand functions leaves garbage that dies young: 200 cost 20 MB more of resident memory. */
const PAGE = 25;

export async function loadFunction(
  db: Kysely<Database>,
  org: string,
  name: string,
): Promise<FunctionAggregate | undefined> {
  const [aggregate] = await loadFunctions(db, [{ org, name }]);
  return aggregate;
}

/** Every function of every organisation, in pages; each page is read as of one moment. */
export async function* loadAll(db: Kysely<Database>): AsyncGenerator<FunctionAggregate> {
  let after: { org: string; name: string } | undefined;
  for (;;) {
    let from = db.selectFrom("functions").select(["org", "name"]).orderBy("org").orderBy("name").limit(PAGE);
    const last = after;
    if (last) {
      from = from.where((eb) => eb(eb.refTuple("org", "name"), ">", eb.tuple(last.org, last.name)));
    }
    const keys = await from.execute();
    if (keys.length === 0) return;
    yield* await loadFunctions(db, keys);
    after = keys.at(-1);
  }
}

/** The functions of these keys that exist, by organisation and name, read as of one moment. */
export async function loadFunctions(
  db: Kysely<Database>,
  keys: readonly { readonly org: string; readonly name: string }[],
): Promise<FunctionAggregate[]> {
  if (keys.length === 0) return [];
  const tuples = keys.map((key) => [key.org, key.name] as const);
  // One snapshot for the three reads: a function never shows traffic of revisions it does not have.
  return db
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (tx) => {
      const functions = await tx
        .selectFrom("functions")
        .selectAll()
        .where((eb) =>
          eb(
            eb.refTuple("org", "name"),
            "in",
            tuples.map(([org, name]) => eb.tuple(org, name)),
          ),
        )
        .orderBy("org")
        .orderBy("name")
        .execute();
      const revisions = await tx
        .selectFrom("revisions")
        .selectAll()
        .where((eb) =>
          eb(
            eb.refTuple("org", "function"),
            "in",
            tuples.map(([org, fn]) => eb.tuple(org, fn)),
          ),
        )
        .orderBy("number", "desc")
        .execute();
      const triggers = await tx
        .selectFrom("triggers")
        .selectAll()
        .select(nextFire)
        .where((eb) =>
          eb(
            eb.refTuple("org", "function"),
            "in",
            tuples.map(([org, fn]) => eb.tuple(org, fn)),
          ),
        )
        .orderBy("id")
        .execute();
      const revisionsOf = groupByFunction(revisions);
      const triggersOf = groupByFunction(triggers);
      return functions.map((row) => ({
        function: row,
        revisions: revisionsOf.get(`${row.org}/${row.name}`) ?? [],
        triggers: triggersOf.get(`${row.org}/${row.name}`) ?? [],
      }));
    });
}

function groupByFunction<T extends { readonly org: string; readonly function: string }>(
  rows: readonly T[],
): Map<string, T[]> {
  return Map.groupBy(rows, (row) => `${row.org}/${row.function}`);
}
