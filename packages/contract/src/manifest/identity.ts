import { createHash } from "node:crypto";
import type { Manifest } from "./types.ts";

/** One file of a source tree. */
export interface SourceEntry {
  /** Relative, with `/`. */
  readonly path: string;
  /** Permission bits that matter (0o644 or 0o755). */
  readonly mode: number;
  /** Hex digest of the bytes. */
  readonly sha256: string;
}

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
 * Hex SHA-256 over the revision's own manifest fields and the sorted (path, mode, bytes) of its source; never over
 * the archive, so that packing the same tree again is the same revision.
 */
export function revisionIdentity(manifest: Manifest, source: readonly SourceEntry[]): string {
  const hash = createHash("sha256").update(manifestIdentity(manifest)).update("\n");
  const sorted = [...source].sort((a, b) => (a.path < b.path ? -1 : 1));
  for (const { path, mode, sha256 } of sorted) hash.update(`${JSON.stringify([path, mode, sha256])}\n`);
  return hash.digest("hex");
}
