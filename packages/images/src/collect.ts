import { PlatformError } from "@hanzo-fn/contract";
import { imagesToRemove } from "@hanzo-fn/engine/knative";
import { deleteImage, type Registry } from "@hanzo-fn/oci";
import type { Logger } from "@hanzo-fn/telemetry";
import type { KnownLayer } from "./assemble.ts";
import type { Records } from "./records.ts";

/** What a revision on record is made from; an image is kept while one of them has the same. */
export interface SourceReference {
  readonly org: string;
  readonly function: string;
  readonly runtime: string;
  readonly entry: string;
  readonly sourceDigest: string;
}

/** An image that was pushed. */
export interface ImageRecord {
  readonly source: SourceReference;
  readonly repository: string;
  readonly digest: string;
  readonly warnings: readonly string[];
  /** When it was last pushed or asked for, in milliseconds since the epoch. */
  readonly usedAtMs: number;
}

export interface CollectParts {
  readonly registry: Registry;
  readonly published: Records<ImageRecord>;
  readonly layers: Records<KnownLayer>;
  readonly log: Pick<Logger, "info">;
}

/**
 * Deletes from the registry what no revision on record needs and nobody has asked for since `minAgeMs`, with its
 * signatures. Images that this platform did not push are left alone. Throws what the registry throws; what is left then is
 * tried the next time.
 */
export async function collectImages(
  { registry, published, layers, log }: CollectParts,
  references: Iterable<SourceReference>,
  { minAgeMs, nowMs }: { readonly minAgeMs: number; readonly nowMs: number },
  signal: AbortSignal,
): Promise<{ readonly removed: number }> {
  const wanted = new Set([...references].map(nameOf));
  const records = [...(await published.all())];
  const referenced = new Set<string>();
  // Two records may be of one image: by its newest use it is judged.
  const usedAt = new Map<string, number>();
  for (const [, record] of records) {
    const place = placeOf(record);
    if (wanted.has(nameOf(record.source))) referenced.add(place);
    usedAt.set(place, Math.max(record.usedAtMs, usedAt.get(place) ?? 0));
  }
  const stored = [...usedAt].map(([digest, pushedAtMs]) => ({ digest, pushedAtMs }));
  const leaving = new Set(imagesToRemove(stored, referenced, { minAgeMs }, nowMs));
  for (const [key, record] of records) {
    if (!leaving.has(placeOf(record))) continue;
    signal.throwIfAborted();
    // Asked for since: a deploy is under way that counts on it.
    if ((await published.get(key))?.usedAtMs !== record.usedAtMs) continue;
    await deleteImage(registry, record.repository, record.digest, signal).catch(unlessGone);
    await published.remove(key);
  }
  const kept = new Set(
    records.filter(([, record]) => !leaving.has(placeOf(record))).map(([, one]) => one.repository),
  );
  for (const [key, { repository }] of await layers.all()) if (!kept.has(repository)) await layers.remove(key);
  if (leaving.size > 0) log.info("images of removed revisions deleted", { images: leaving.size });
  return { removed: leaving.size };
}

/** A repository that is gone has no image either. */
function unlessGone(error: unknown): void {
  if (!(error instanceof PlatformError) || error.code !== "not_found") throw error;
}

function placeOf({ repository, digest }: ImageRecord): string {
  return `${repository}@${digest}`;
}

function nameOf({ org, function: name, runtime, entry, sourceDigest }: SourceReference): string {
  return JSON.stringify([org, name, runtime, entry, sourceDigest]);
}
