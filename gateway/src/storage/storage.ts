import type { Objects } from "@hanzo-fn/blobs";
import { createSingleFlight } from "@hanzo-fn/lifecycle";
import type { InstanceIdentity } from "../identity.ts";
import { type AccessRules, requireAccess } from "./access.ts";
import { type Place, parsePrefix, parseRef, type RefRules } from "./refs.ts";

export interface StorageRules extends RefRules, AccessRules {
  /** Buckets of organisations are made when something is put into them; else somebody else makes them. */
  readonly makesBuckets: boolean;
}

export interface Storage {
  readonly objects: Objects;
  /** The object that a function may read or write by this `ref`. Throws `bad_request` or `forbidden`. */
  object(ref: string, owner: InstanceIdentity, wanted: "read" | "write"): Promise<Place>;
  /** The same for the beginning of keys. */
  prefix(ref: string, owner: InstanceIdentity): Promise<Place>;
  /** Makes the bucket where that is the platform's to do; once. */
  ensureBucket(bucket: string): Promise<void>;
}

/** Refs and the rights to them, over the store of objects. */
export function createStorage(objects: Objects, rules: StorageRules): Storage {
  const made = new Set<string>();
  const single = createSingleFlight<void>();
  return {
    objects,
    async object(ref, owner, wanted) {
      const place = parseRef(ref, owner, rules);
      await requireAccess(place, owner, wanted, rules);
      return place;
    },
    async prefix(ref, owner) {
      const place = parsePrefix(ref, owner, rules);
      await requireAccess(place, owner, "read", rules);
      return place;
    },
    async ensureBucket(bucket) {
      if (made.has(bucket) || !(rules.makesBuckets || bucket === rules.bucket)) return;
      await single(bucket, () => objects.ensureBucket(bucket));
      made.add(bucket);
    },
  };
}
