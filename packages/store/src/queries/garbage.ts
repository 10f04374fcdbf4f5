import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** What rows refer to, so that everything else is garbage. */
export interface BlobReference {
  readonly org: string;
  readonly kind: "source" | "layer";
  /** Source digest or layer key, as the revision has it. */
  readonly ref: string;
}

export async function referencedBlobs(db: Kysely<Database>): Promise<BlobReference[]> {
  const rows = await db
    .selectFrom("revisions")
    .select(["org", "sourceDigest", "layerKey"])
    .distinct()
    .execute();
  return rows.flatMap((row): BlobReference[] => [
    { org: row.org, kind: "source", ref: row.sourceDigest },
    ...(row.layerKey === null ? [] : [{ org: row.org, kind: "layer" as const, ref: row.layerKey }]),
  ]);
}
