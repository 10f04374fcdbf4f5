import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { answeredUrl } from "./address.ts";
import type { Exchange } from "./exchange.ts";
import type { RetryPolicy } from "./retry.ts";
import { pullScope, pushScope } from "./scopes.ts";
import { headerOf, type TransportResponse } from "./transport.ts";

export interface UploadParts {
  readonly exchange: Exchange;
  readonly url: URL;
  readonly policy: RetryPolicy;
  readonly clock: Clock;
  readonly random: () => number;
  /** Bytes in one request. */
  readonly chunkBytes: number;
}

/**
 * Mounts a blob from one of the repositories, or begins an upload. A registry that does not find it there has begun one in the same answer; one that
 * lets nobody look there (the credentials reach the target alone) is asked for an upload without.
 */
export async function mountOrBegin(
  parts: UploadParts,
  repository: string,
  digest: string,
  mountFrom: readonly string[],
  signal: AbortSignal,
): Promise<URL | "mounted"> {
  let begun: URL | undefined;
  for (const from of mountFrom.filter((one) => one !== repository)) {
    const response = await tryToMount(parts, repository, digest, from, signal);
    if (response === undefined) continue;
    if (begun !== undefined) await discard(parts, repository, begun, signal);
    if (response.status === 201) return "mounted";
    begun = placeOf(parts, response);
  }
  return begun ?? beginUpload(parts, repository, signal);
}

async function tryToMount(
  parts: UploadParts,
  repository: string,
  digest: string,
  from: string,
  signal: AbortSignal,
): Promise<TransportResponse | undefined> {
  try {
    const query = new URLSearchParams({ mount: digest, from });
    return await post(parts, repository, `?${query}`, [pullScope(from)], [201, 202], signal);
  } catch (error) {
    if (error instanceof PlatformError && error.code !== "registry_unreachable") return undefined;
    throw error;
  }
}

/** Where the bytes of a new upload go. */
export async function beginUpload(parts: UploadParts, repository: string, signal: AbortSignal): Promise<URL> {
  return placeOf(parts, await post(parts, repository, "", [], [202], signal));
}

async function post(
  { exchange }: UploadParts,
  repository: string,
  query: string,
  more: readonly string[],
  accept: readonly number[],
  signal: AbortSignal,
): Promise<TransportResponse> {
  const response = await exchange(
    {
      method: "POST",
      to: `/v2/${repository}/blobs/uploads/${query}`,
      headers: { "content-length": 0 },
      scopes: [pushScope(repository), ...more],
      action: `begin an upload to ${repository}`,
      accept,
    },
    signal,
  );
  response.body.resume();
  return response;
}

/** Uploads that nobody continues would lie in the registry for a week. That it fails is no reason to fail. */
async function discard(
  parts: UploadParts,
  repository: string,
  session: URL,
  signal: AbortSignal,
): Promise<void> {
  const call = {
    method: "DELETE" as const,
    to: session,
    scopes: [pushScope(repository)],
    action: `give up an upload to ${repository}`,
    accept: [200, 202, 204, 404, 405],
    retry: false,
  };
  await parts.exchange(call, signal).then(
    ({ body }) => body.resume(),
    () => signal.throwIfAborted(),
  );
}

/** Where the registry wants the next bytes. `before` holds where it does not say so again. */
export function placeOf({ url }: UploadParts, response: TransportResponse, before?: URL): URL {
  const location = headerOf(response, "location");
  if (location !== undefined) return answeredUrl(location, url);
  if (before !== undefined) return before;
  throw new PlatformError(
    "registry_refused",
    `the registry ${url.host} opens an upload and does not say where`,
    {
      component: "oci",
      next: "Check that it speaks the distribution API, version 2",
    },
  );
}
