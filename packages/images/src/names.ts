import { createHash } from "node:crypto";

/** A part of a repository's name by the distribution specification; without `--`, which marks those that were made up. */
const PART = /^[a-z0-9]+(?:(?:\.|__?|-)[a-z0-9]+)*$/;
const HASH_LENGTH = 10;
const READABLE_LENGTH = 40;

function part(name: string): string {
  if (PART.test(name)) return name;
  const readable = name
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "")
    .slice(0, READABLE_LENGTH)
    .replace(/-+$/, "");
  const hash = createHash("sha256").update(name).digest("hex").slice(0, HASH_LENGTH);
  return `${readable || "org"}--${hash}`;
}

/** `<prefix>/<path>`, where the prefix may be empty. */
export function below(prefix: string, path: string): string {
  return prefix === "" ? path : `${prefix}/${path}`;
}

/**
 * Where the images of a function are. Names that no repository can have (upper case, signs at an end) get what can be
 * read of them and a hash, so that no two functions of any two organisations share a repository.
 */
export function repositoryOf(prefix: string, org: string, functionName: string): string {
  return below(prefix, `${part(org)}/${part(functionName)}`);
}

/** `images.registry` in its parts: `host[:port][/path]`. */
export function registryParts(registry: string): { readonly host: string; readonly prefix: string } {
  const [host = "", ...path] = registry.replace(/\/+$/, "").split("/");
  return { host, prefix: path.join("/") };
}

/** The part of a SHA-256 that names an image to people. */
const TAG_DIGITS = 12;

/** `00003-8f14e45fceea`: the revision that it was made for, and what it was made from. Never moved to another image. */
export function imageTag(revisionNumber: number, key: string): string {
  return `${String(revisionNumber).padStart(5, "0")}-${key.slice(0, TAG_DIGITS)}`;
}
