import type { Kysely } from "kysely";
import type { Database } from "../schema.ts";

/** What rows refer to, so that everything else is garbage. */
export interface BlobReference {
  readonly org: string;
  readonly kind: "source" | "layer" | "letter" | "task";
  /** Source digest or layer key, as the revision has it; of a dead letter or task the blob's whole key. */
  readonly ref: string;
}

export async function referencedBlobs(db: Kysely<Database>): Promise<BlobReference[]> {
  const rows = await db
    .selectFrom("revisions")
    .select(["org", "sourceDigest", "layerKey"])
    .distinct()
    .execute();
  const tasks = await db
    .selectFrom("tasks")
    .select(["org", "payloadRef", "resultRef"])
    .where((eb) => eb.or([eb("payloadRef", "is not", null), eb("resultRef", "is not", null)]))
    .execute();
  const letters = await db
    .selectFrom("deadLetters")
    .select(["org", "payloadRef"])
    .where("payloadRef", "is not", null)
    .execute();
  const ofRevisions = rows.flatMap((row): BlobReference[] => [
    { org: row.org, kind: "source", ref: row.sourceDigest },
    ...(row.layerKey === null ? [] : [{ org: row.org, kind: "layer" as const, ref: row.layerKey }]),
  ]);
  const ofTasks = tasks.flatMap(({ org, payloadRef, resultRef }) =>
    [payloadRef, resultRef]
      .filter((ref) => ref !== null)
      .map((ref): BlobReference => {
        return { org, kind: "task", ref };
      }),
  );
  const ofLetters = letters.map(({ org, payloadRef }): BlobReference => {
    return { org, kind: "letter", ref: payloadRef as string };
  });
  return [...ofRevisions, ...ofTasks, ...ofLetters];
}
