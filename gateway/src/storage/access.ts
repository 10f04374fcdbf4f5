import { refuse } from "../refuse.ts";
import type { InstanceIdentity } from "../identity.ts";
import { folderOf, type Place } from "./refs.ts";

/** HIP-32: models that every function may read. */
export const MODELS_BUCKET = "hanzo-models";

export interface AccessRules {
  /** The platform's bucket. */
  readonly bucket: string;
  /** Every organisation that the platform knows of. */
  readonly organisations: () => Promise<ReadonlySet<string>>;
}

type Access = "none" | "read" | "write";

const FINE_TUNED = "fine-tuned/";

/** Everyone's, but for what was trained on one organisation's data. */
function accessToModels(key: string, org: string): Access {
  const others = key.startsWith(FINE_TUNED) || FINE_TUNED.startsWith(key);
  return others && !key.startsWith(`${FINE_TUNED}${org}/`) ? "none" : "read";
}

/**
 * Whose a bucket is: `<organisation>-*` (HIP-32). Where the names of several organisations begin it (`a` and `a-b`
 * for `a-b-data`), it is the longest one's.
 */
export function ownerOf(bucket: string, organisations: Iterable<string>): string | undefined {
  let owner: string | undefined;
  for (const org of organisations) {
    if (bucket.startsWith(`${org}-`) && org.length > (owner?.length ?? 0)) owner = org;
  }
  return owner;
}

async function accessTo(
  { bucket, key }: Place,
  owner: Pick<InstanceIdentity, "org" | "function">,
  rules: AccessRules,
): Promise<Access> {
  // It holds everyone's sources and data, also where an organisation's name begins it.
  if (bucket === rules.bucket) return key.startsWith(folderOf(owner)) ? "write" : "none";
  if (bucket === MODELS_BUCKET) return accessToModels(key, owner.org);
  if (!bucket.startsWith(`${owner.org}-`)) return "none";
  return ownerOf(bucket, [...(await rules.organisations()), owner.org]) === owner.org ? "write" : "none";
}

/** Throws `forbidden` where the function may not do this there. */
export async function requireAccess(
  place: Place,
  owner: Pick<InstanceIdentity, "org" | "function">,
  wanted: "read" | "write",
  rules: AccessRules,
): Promise<void> {
  const access = await accessTo(place, owner, rules);
  if (access === "write" || access === wanted) return;
  const what = access === "read" ? "may only be read" : "is not this function's";
  throw refuse("forbidden", `s3://${place.bucket}/${place.key} ${what}`, {
    next: `use a relative key, or a bucket whose name begins with ${owner.org}-`,
  });
}
