import type { RouteAuth } from "@hanzo-fn/contract";
import { sql, type Kysely, type Transaction } from "kysely";
import type { Database, HttpRouteRow } from "../schema.ts";

export interface WantedRoute {
  readonly triggerId: string;
  readonly auth: RouteAuth;
  readonly path: string;
  readonly method: string;
}

export interface RouteConflict {
  readonly path: string;
  readonly method: string;
  /** The function that holds the path; undefined where it is another organisation's. */
  readonly owner: string | undefined;
}

export type ClaimResult =
  | { readonly claimed: true }
  | { readonly claimed: false; readonly conflicts: readonly RouteConflict[] };

export interface HttpRouteQueries {
  listOf(org: string, fn: string): Promise<HttpRouteRow[]>;
}

export interface HttpRouteCommands extends HttpRouteQueries {
  /**
   * Makes the function's routes the wanted ones, or changes nothing and names the conflicts.
   * `required` paths are unique per organisation, `optional` and `none` paths per deployment, and a `required`
   * path never meets another organisation's `optional` or `none` one.
   */
  claim(org: string, fn: string, wanted: readonly WantedRoute[]): Promise<ClaimResult>;
}

export function createHttpRouteQueries(db: Kysely<Database>): HttpRouteQueries {
  return {
    listOf: (org, fn) =>
      db
        .selectFrom("httpRoutes")
        .selectAll()
        .where("org", "=", org)
        .where("function", "=", fn)
        .orderBy("path")
        .orderBy("method")
        .execute(),
  };
}

export function createHttpRouteCommands(tx: Transaction<Database>): HttpRouteCommands {
  return {
    ...createHttpRouteQueries(tx),
    async claim(org, fn, wanted) {
      const repeated = repeatedIn(wanted, fn);
      if (repeated.length > 0) return { claimed: false, conflicts: repeated };
      // Claims are rare and short, so one lock for all of them until the transaction ends.
      await sql`select pg_advisory_xact_lock(hashtextextended('hanzo-fn/http-routes', 0))`.execute(tx);
      const conflicts = await findConflicts(tx, org, fn, wanted);
      if (conflicts.length > 0) return { claimed: false, conflicts };
      await tx.deleteFrom("httpRoutes").where("org", "=", org).where("function", "=", fn).execute();
      if (wanted.length > 0) {
        const rows = wanted.map(({ triggerId, auth, path, method }) => ({
          org,
          function: fn,
          triggerId,
          auth,
          path,
          method,
        }));
        await tx.insertInto("httpRoutes").values(rows).execute();
      }
      return { claimed: true };
    },
  };
}

function repeatedIn(wanted: readonly WantedRoute[], owner: string): RouteConflict[] {
  const seen = new Set<string>();
  return wanted.flatMap(({ path, method }) => {
    const key = `${method} ${path}`;
    if (seen.has(key)) return [{ path, method, owner }];
    seen.add(key);
    return [];
  });
}

async function findConflicts(
  tx: Transaction<Database>,
  org: string,
  fn: string,
  wanted: readonly WantedRoute[],
): Promise<RouteConflict[]> {
  const result = await sql<RouteConflict>`
    select held.path, held.method, min(case when held.org = ${org} then held.function end) as owner
    from http_routes held
    join unnest(${wanted.map((route) => route.path)}::text[], ${wanted.map((route) => route.method)}::text[],
      ${wanted.map((route) => route.auth)}::text[]) as wanted (path, method, auth)
      on wanted.path = held.path and wanted.method = held.method
    where not (held.org = ${org} and held.function = ${fn})
      and (held.org = ${org} or held.auth <> 'required' or wanted.auth <> 'required')
    group by held.path, held.method
    order by held.path, held.method`.execute(tx);
  return result.rows.map(({ path, method, owner }) => ({ path, method, owner: owner ?? undefined }));
}
