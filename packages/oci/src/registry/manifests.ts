import { createHash } from "node:crypto";
import { PlatformError } from "@hanzo-fn/contract";
import { ACCEPTED_MANIFESTS, type Descriptor } from "../media-types.ts";
import { otherBytes } from "./blobs.ts";
import type { Exchange } from "./exchange.ts";
import { readLimited } from "@hanzo-fn/lifecycle";
import { isDigest } from "./reference.ts";
import { deleteScope, pullScope, pushScope } from "./scopes.ts";
import { headerOf, type TransportResponse } from "./transport.ts";

/** A manifest as it lies in the registry: its digest is that of these bytes. */
export interface StoredManifest {
  readonly descriptor: Descriptor;
  readonly bytes: Buffer;
}

/** The distribution specification has registries take this much at least; nothing of ours is near it. */
const LONGEST_MANIFEST_BYTES = 4 * 1024 * 1024;

/** What a tag or a digest leads to, without reading it; undefined where there is nothing. */
export async function headManifest(
  exchange: Exchange,
  repository: string,
  reference: string,
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  const response = await ask(exchange, "HEAD", repository, reference, [200, 404], signal);
  response.body.resume();
  if (response.status === 404) return undefined;
  const digest = headerOf(response, "docker-content-digest") ?? "";
  const size = Number(headerOf(response, "content-length") ?? Number.NaN);
  // Registries may leave both out.
  if (!isDigest(digest) || Number.isNaN(size))
    return (await getManifest(exchange, repository, reference, signal)).descriptor;
  if (isDigest(reference) && digest !== reference) throw otherBytes(repository, reference);
  return { mediaType: mediaTypeOf(response), digest, size };
}

/** Throws `not_found`, and `image_untrusted` where the bytes have another digest. */
export async function getManifest(
  exchange: Exchange,
  repository: string,
  reference: string,
  signal: AbortSignal,
): Promise<StoredManifest> {
  const response = await ask(exchange, "GET", repository, reference, [200], signal);
  const bytes = Buffer.from(await readLimited(response.body, LONGEST_MANIFEST_BYTES), "utf8");
  const digest = digestOf(bytes);
  const claimed = isDigest(reference) ? reference : headerOf(response, "docker-content-digest");
  if (claimed !== undefined && claimed !== digest) throw otherBytes(repository, claimed);
  return { descriptor: { mediaType: mediaTypeOf(response), digest, size: bytes.length }, bytes };
}

function ask(
  exchange: Exchange,
  method: "GET" | "HEAD",
  repository: string,
  reference: string,
  accept: readonly number[],
  signal: AbortSignal,
): Promise<TransportResponse> {
  const call = {
    method,
    to: `/v2/${repository}/manifests/${reference}`,
    headers: { accept: ACCEPTED_MANIFESTS.join(", ") },
    scopes: [pullScope(repository)],
    action: `read the manifest ${reference} of ${repository}`,
    accept,
  };
  return exchange(call, signal);
}

/** Throws `registry_refused` or `not_found` with a detail per missing blob, which names its digest. */
export async function putManifest(
  exchange: Exchange,
  repository: string,
  reference: string,
  manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
  signal: AbortSignal,
): Promise<void> {
  const { mediaType, bytes } = manifest;
  const response = await exchange(
    {
      method: "PUT",
      to: `/v2/${repository}/manifests/${reference}`,
      headers: { "content-type": mediaType, "content-length": bytes.length },
      body: () => Promise.resolve(bytes),
      scopes: [pushScope(repository)],
      action: `put the manifest ${reference} into ${repository}`,
      accept: [200, 201, 202, 204],
    },
    signal,
  );
  response.body.resume();
  const stored = headerOf(response, "docker-content-digest");
  if (stored !== undefined && stored !== digestOf(bytes)) throw otherBytes(repository, digestOf(bytes));
}

/** False where there was none. What else it referred to stays until the registry collects its garbage. */
export async function deleteManifest(
  exchange: Exchange,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { status, body } = await exchange(
    {
      method: "DELETE",
      to: `/v2/${repository}/manifests/${digest}`,
      scopes: [deleteScope(repository)],
      action: `delete ${digest} of ${repository}`,
      accept: [200, 202, 204, 404],
    },
    signal,
  );
  body.resume();
  return status !== 404;
}

const TAGS_A_PAGE = 1000;
const MOST_PAGES = 1000;
const LONGEST_PAGE_BYTES = 1024 * 1024;

/** Every tag of a repository; none where it does not exist. */
export async function listTags(
  exchange: Exchange,
  repository: string,
  registry: URL,
  signal: AbortSignal,
): Promise<string[]> {
  const tags: string[] = [];
  let to: string | URL | undefined = `/v2/${repository}/tags/list?n=${TAGS_A_PAGE}`;
  for (let page = 0; to !== undefined && page < MOST_PAGES; page++) {
    const response: TransportResponse = await exchange(
      {
        method: "GET",
        to,
        scopes: [pullScope(repository)],
        action: `list the tags of ${repository}`,
        accept: [200, 404],
      },
      signal,
    );
    const text = await readLimited(response.body, LONGEST_PAGE_BYTES);
    if (response.status === 404) return tags;
    tags.push(...((JSON.parse(text) as { tags?: string[] | null }).tags ?? []));
    const next: string | undefined = /<([^>]+)>\s*;\s*rel="?next"?/.exec(
      headerOf(response, "link") ?? "",
    )?.[1];
    to = next === undefined ? undefined : new URL(next, registry);
  }
  return tags;
}

export function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}

function mediaTypeOf(response: TransportResponse): string {
  const type = headerOf(response, "content-type")?.split(";")[0]?.trim();
  if (type !== undefined && type !== "") return type;
  throw new PlatformError("registry_refused", "the registry gives a manifest without its media type", {
    component: "oci",
    next: "Check that it speaks the distribution API, version 2",
  });
}
