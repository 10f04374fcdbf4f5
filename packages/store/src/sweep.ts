import { sql, type Kysely } from "kysely";
import type { Database } from "./schema.ts";

/** Removes what time or a deletion left behind; see `Store.sweep`. */
export async function sweep(db: Kysely<Database>, limits: { readonly figuresBefore: Date }): Promise<void> {
  await db.deleteFrom("figures").where("minute", "<", limits.figuresBefore).execute();
  await sql`delete from figures f where not exists
    (select from functions where functions.org = f.org and functions.name = f.function)`.execute(db);
  await sql`
    with gone as (
      delete from log_sizes s where not exists
        (select from functions where functions.org = s.org and functions.name = s.function)
      returning org, function
    )
    delete from log_lines using gone
    where log_lines.org = gone.org and log_lines.function = gone.function`.execute(db);
}
