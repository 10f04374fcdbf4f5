import { createHash } from "node:crypto";
import type { Manifest } from "./types.ts";

/** JSON with sorted keys and without absent values: the same data is the same text. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(",")}]`;
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => `${JSON.stringify(key)}:${canonicalJson(item)}`);
    return `{${entries.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** The fields that belong to the revision, not to the function: a change of one makes a new revision. */
export function revisionFields(manifest: Manifest): Record<string, unknown> {
  const secrets = Object.fromEntries(manifest.secrets.map(({ env, name }) => [env, name]));
  const { runtime, entry, version, resources, environment } = manifest;
  return { runtime, entry, version, resources, environment, secrets };
}

/** Canonical JSON of the revision's own fields. */
export function manifestIdentity(manifest: Manifest): string {
  return canonicalJson(revisionFields(manifest));
}

/**
 * What makes two revisions the same: hex SHA-256 of the revision's own manifest fields and of the digest of its
 * source, which is over the sorted (path, mode, bytes) and never over the archive.
 */
export function revisionIdentity(manifest: Manifest, sourceDigest: string): string {
  return createHash("sha256")
    .update(`${manifestIdentity(manifest)}\n${sourceDigest}`)
    .digest("hex");
}
