import { PlatformError } from "@hanzo-fn/contract";
import { backoffDelay, withFullJitter } from "@hanzo-fn/lifecycle";
import type { Readable } from "node:stream";
import { hasBlob, type BlobIdentity } from "./blobs.ts";
import { unreachable } from "./failure.ts";
import { bytesArrived, nextChunk, type Chunk } from "./ranges.ts";
import { pushScope } from "./scopes.ts";
import { headerOf, type TransportResponse } from "./transport.ts";
import { beginUpload, mountOrBegin, placeOf, type UploadParts } from "./upload-session.ts";

export interface BlobSource extends BlobIdentity {
  /** The bytes from `start` to `end` (not in it). Called again where a connection broke. */
  open(start: number, end: number): Promise<Readable>;
}

export interface UploadOptions {
  /** Repositories of the same registry that may have the blob. */
  readonly mountFrom?: readonly string[] | undefined;
  /** Send it even where the registry says that it has it: it has just been found wrong about that. */
  readonly always?: boolean | undefined;
}

export interface Uploaded {
  readonly how: "present" | "mounted" | "sent";
  /** Bytes that went over the wire, those of broken tries among them. */
  readonly sentBytes: number;
}

/** Brings a blob into a repository with as little traffic as the registry allows. */
export async function uploadBlob(
  parts: UploadParts,
  repository: string,
  blob: BlobSource,
  options: UploadOptions,
  signal: AbortSignal,
): Promise<Uploaded> {
  const { always = false, mountFrom = [] } = options;
  if (!always && (await hasBlob(parts.exchange, repository, blob.digest, signal)))
    return { how: "present", sentBytes: 0 };
  const session = await mountOrBegin(parts, repository, blob.digest, always ? [] : mountFrom, signal);
  if (session === "mounted") return { how: "mounted", sentBytes: 0 };
  return { how: "sent", sentBytes: await sendAll(parts, repository, blob, session, signal) };
}

/**
 * Sends until the registry has the blob. Where a try breaks it asks what arrived and goes on from there, or begins anew where the registry has forgotten the upload.
 * Tries count as failed in a row only while nothing more arrives.
 */
async function sendAll(
  parts: UploadParts,
  repository: string,
  blob: BlobSource,
  first: URL,
  signal: AbortSignal,
): Promise<number> {
  const { policy, clock, random } = parts;
  const progress: Progress = { session: first, arrived: 0, sentBytes: 0 };
  let best = 0;
  for (let failed = 0; ;) {
    try {
      await sendRest(parts, repository, blob, progress, signal);
      return progress.sentBytes;
    } catch (error) {
      signal.throwIfAborted();
      const known = error instanceof PlatformError ? error : undefined;
      if (known?.code !== "registry_unreachable" && !(error instanceof ForgottenUpload)) throw error;
      failed = progress.arrived > best ? 1 : failed + 1;
      best = Math.max(best, progress.arrived);
      const asked = (known?.retryAfterSeconds ?? 0) * 1000;
      if (failed >= policy.attempts || asked > policy.longestPauseMs)
        throw (
          known ??
          unreachable(
            { host: parts.url.host, action: actionOf(repository, blob) },
            "it forgets the upload again and again",
          )
        );
      await clock.sleep(
        Math.max(asked, withFullJitter(backoffDelay(policy.backoff, failed), random())),
        signal,
      );
      if (await hasBlob(parts.exchange, repository, blob.digest, signal)) return progress.sentBytes;
      await lookUp(parts, repository, progress, signal);
    }
  }
}

interface Progress {
  session: URL;
  /** Bytes that the registry has. */
  arrived: number;
  sentBytes: number;
}

/** The registry does not know the upload any more, or counts its bytes otherwise: 404 and 416. */
class ForgottenUpload extends Error {}

/** In one request where it fits, else in chunks: each is a place to go on from. */
async function sendRest(
  parts: UploadParts,
  repository: string,
  blob: BlobSource,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  while (
    blob.size - progress.arrived > parts.chunkBytes ||
    (progress.arrived > 0 && progress.arrived < blob.size)
  ) {
    const chunk = nextChunk(progress.arrived, blob.size, parts.chunkBytes);
    const response = await send(parts, repository, blob, progress, chunk, signal);
    progress.session = placeOf(parts, response);
    progress.arrived = bytesArrived(headerOf(response, "range")) ?? chunk.end;
  }
  const rest = nextChunk(progress.arrived, blob.size, parts.chunkBytes);
  await send(parts, repository, blob, progress, rest, signal, blob.digest);
}

/** A PATCH with a chunk, or the PUT that ends the upload with the digest and the bytes that are left. */
async function send(
  { exchange }: UploadParts,
  repository: string,
  blob: BlobSource,
  progress: Progress,
  { start, end, contentRange }: Chunk,
  signal: AbortSignal,
  digest?: string,
): Promise<TransportResponse> {
  const to = new URL(progress.session);
  if (digest !== undefined) to.searchParams.set("digest", digest);
  const length = end - start;
  const response = await exchange(
    {
      method: digest === undefined ? "PATCH" : "PUT",
      to,
      headers: {
        "content-type": "application/octet-stream",
        "content-length": length,
        ...(digest === undefined ? { "content-range": contentRange } : {}),
      },
      body: async () => {
        if (length === 0) return new Uint8Array();
        const bytes = await blob.open(start, end);
        bytes.on("data", (chunk: Buffer) => (progress.sentBytes += chunk.length)).pause();
        return bytes;
      },
      scopes: [pushScope(repository)],
      action: actionOf(repository, blob),
      accept: [...(digest === undefined ? [202] : [201, 204]), 404, 416],
      retry: false,
    },
    signal,
  );
  response.body.resume();
  if (response.status >= 400) throw new ForgottenUpload();
  return response;
}

/** Asks what has arrived; where the registry does not know the upload any more, a new one begins at nothing. */
async function lookUp(
  parts: UploadParts,
  repository: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const response = await parts.exchange(
    {
      method: "GET",
      to: progress.session,
      scopes: [pushScope(repository)],
      action: `ask for an upload to ${repository}`,
      accept: [204, 200, 400, 404, 416],
    },
    signal,
  );
  response.body.resume();
  const arrived = response.status < 300 ? bytesArrived(headerOf(response, "range")) : undefined;
  progress.arrived = arrived ?? 0;
  progress.session =
    arrived === undefined
      ? await beginUpload(parts, repository, signal)
      : placeOf(parts, response, progress.session);
}

function actionOf(repository: string, blob: BlobIdentity): string {
  return `push ${blob.digest} to ${repository}`;
}
