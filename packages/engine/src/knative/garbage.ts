import type { KnativeSettings } from "./settings.ts";

/** A revision as far as keeping it goes. */
export interface KeptRevision {
  readonly number: number;
  readonly percent: number;
  /** Somebody named it: a tag of the user's, a call that pins it. */
  readonly pinned?: boolean | undefined;
  readonly createdAtMs: number;
  /** Undefined where it never had traffic. */
  readonly lastTrafficAtMs?: number | undefined;
}

type Retention = KnativeSettings["retention"];

/**
 * Numbers of the revisions that may leave the cluster. Kept are: the newest; those with traffic and those that are pinned;
 * the one that had traffic last, for a rollback; `retention.revisions` more, the newest of them; whatever is younger than
 * `retention.minAgeMs`. The control plane keeps all of them on record, so that any can be made again from its image.
 */
export function revisionsToRemove(
  revisions: readonly KeptRevision[],
  retention: Retention,
  nowMs: number,
): number[] {
  const newestFirst = revisions.toSorted((a, b) => b.number - a.number);
  const idle = newestFirst.filter(({ percent, pinned }) => percent === 0 && pinned !== true);
  const previous = idle
    .filter(({ lastTrafficAtMs }) => lastTrafficAtMs !== undefined)
    .toSorted((a, b) => (b.lastTrafficAtMs ?? 0) - (a.lastTrafficAtMs ?? 0) || b.number - a.number)[0];
  const always = new Set([newestFirst[0]?.number, previous?.number]);
  const candidates = idle.filter(({ number }) => !always.has(number));
  return candidates
    .slice(retention.revisions)
    .filter(({ createdAtMs }) => nowMs - createdAtMs > retention.minAgeMs)
    .map(({ number }) => number)
    .toSorted((a, b) => a - b);
}

export interface StoredImage {
  /** `sha256:...` of the manifest. */
  readonly digest: string;
  readonly pushedAtMs: number;
}

/**
 * Digests that may be deleted from the registry: of no revision on record, and older than `minAgeMs`, since an image is
 * pushed before its revision is written down. Signatures and layers follow their manifest.
 */
export function imagesToRemove(
  stored: readonly StoredImage[],
  referenced: ReadonlySet<string>,
  retention: Pick<Retention, "minAgeMs">,
  nowMs: number,
): string[] {
  return stored
    .filter(({ digest, pushedAtMs }) => !referenced.has(digest) && nowMs - pushedAtMs > retention.minAgeMs)
    .map(({ digest }) => digest)
    .toSorted();
}
