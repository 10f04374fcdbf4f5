import { PlatformError } from "@hanzo-fn/contract";

/** An image by its place. At least one of tag and digest is there. */
export interface ImageReference {
  /** With its port where it has one: `registry.example.com:5000`. */
  readonly host: string;
  /** Without the host: `hanzo/fn-python`. */
  readonly repository: string;
  readonly tag?: string | undefined;
  /** `sha256:` and 64 hexadecimal digits. */
  readonly digest?: string | undefined;
}

// The grammar of the distribution specification, v1.1, "Pulling manifests".
const HOST = /^(?:\[[0-9a-f:]+\]|[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)(?::\d{1,5})?$/i;
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const LONGEST_REPOSITORY = 255;
/** What the first part of a name has that makes it a host: a dot, a port, brackets, or the one name without any. */
const LOOKS_LIKE_HOST = /[.:[]|^localhost$/;

export function isDigest(value: string): boolean {
  return DIGEST.test(value);
}

export function isRepository(value: string): boolean {
  return value.length <= LONGEST_REPOSITORY && REPOSITORY.test(value);
}

/**
 * `host/repository[:tag][@digest]`. The host is never guessed: what `python:3.12` means depends on the machine that reads it.
 * Throws `bad_request`.
 */
export function parseReference(text: string): ImageReference {
  const [named = "", digest, ...more] = text.split("@");
  const slash = named.indexOf("/");
  const host = named.slice(0, slash);
  if (slash < 1 || !LOOKS_LIKE_HOST.test(host))
    throw bad(text, "it names no registry", `Write the registry in front: docker.io/library/${text}`);
  if (!HOST.test(host)) throw bad(text, `${host} is no host`);
  const path = named.slice(slash + 1);
  const colon = path.indexOf(":");
  const repository = colon < 0 ? path : path.slice(0, colon);
  const tag = colon < 0 ? undefined : path.slice(colon + 1);
  if (!isRepository(repository)) throw bad(text, `${repository} is no name of a repository`);
  if (tag !== undefined && !TAG.test(tag)) throw bad(text, `${tag} is no tag`);
  if (more.length > 0 || (digest !== undefined && !isDigest(digest)))
    throw bad(text, "what follows the @ is no sha256 digest");
  if (tag === undefined && digest === undefined) throw bad(text, "it has neither a tag nor a digest");
  return { host, repository, tag, digest };
}

/** The form that Kubernetes and Knative take as it is. */
export function digestReference(host: string, repository: string, digest: string): string {
  return `${host}/${repository}@${digest}`;
}

function bad(text: string, rule: string, next?: string): PlatformError {
  return new PlatformError("bad_request", `${text.slice(0, 300)} is no reference of an image: ${rule}`, {
    component: "oci",
    next: next ?? "Write it as host/repository:tag or host/repository@sha256:…",
  });
}
