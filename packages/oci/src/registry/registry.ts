import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Readable } from "node:stream";
import type { Descriptor } from "../media-types.ts";
import { registryUrl } from "./address.ts";
import { createAuthorization } from "./authorization.ts";
import { hasBlob, openBlob, type BlobIdentity } from "./blobs.ts";
import type { CredentialSource } from "./credentials.ts";
import { createExchange } from "./exchange.ts";
import {
  deleteManifest,
  getManifest,
  headManifest,
  listTags,
  putManifest,
  type StoredManifest,
} from "./manifests.ts";
import type { RetryPolicy } from "./retry.ts";
import type { Transport } from "./transport.ts";
import { uploadBlob, type BlobSource, type Uploaded, type UploadOptions } from "./upload.ts";

/**
 * A registry of images, by the OCI distribution specification v1.1. Everything throws `registry_unreachable` (after
 * the tries of the policy), `registry_refused` and `not_found`; tags and digests are both references.
 */
export interface Registry {
  readonly host: string;
  /** Resolves where it speaks the API and takes the credentials. */
  ping(signal: AbortSignal): Promise<void>;
  hasBlob(repository: string, digest: string, signal: AbortSignal): Promise<boolean>;
  openBlob(repository: string, blob: BlobIdentity, signal: AbortSignal): Promise<Readable>;
  uploadBlob(
    repository: string,
    blob: BlobSource,
    options: UploadOptions,
    signal: AbortSignal,
  ): Promise<Uploaded>;
  headManifest(repository: string, reference: string, signal: AbortSignal): Promise<Descriptor | undefined>;
  getManifest(repository: string, reference: string, signal: AbortSignal): Promise<StoredManifest>;
  putManifest(
    repository: string,
    reference: string,
    manifest: { readonly mediaType: string; readonly bytes: Uint8Array },
    signal: AbortSignal,
  ): Promise<void>;
  deleteManifest(repository: string, digest: string, signal: AbortSignal): Promise<boolean>;
  listTags(repository: string, signal: AbortSignal): Promise<string[]>;
}

export interface RegistryParts {
  /** With its port where it has one. */
  readonly host: string;
  /** Default: come as nobody. */
  readonly credentials?: CredentialSource | undefined;
  readonly transport: Transport;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
  /** In [0, 1). Default: Math.random. */
  readonly random?: (() => number) | undefined;
}

export interface RegistryOptions {
  /** No TLS, for a host that is neither this machine nor `*.local`. */
  readonly insecure?: boolean | undefined;
  readonly policy?: RetryPolicy | undefined;
  /** Blobs are sent in requests of at most this many bytes. Default 16 MiB. */
  readonly chunkBytes?: number | undefined;
}

const DEFAULT_POLICY: RetryPolicy = {
  attempts: 5,
  silentAttempts: 2,
  backoff: { initialMs: 200, factor: 3, maxMs: 5000 },
  longestPauseMs: 30_000,
};
const DEFAULT_CHUNK_BYTES = 16 * 1024 * 1024;

export function createRegistry(parts: RegistryParts, options: RegistryOptions = {}): Registry {
  const {
    host,
    transport,
    clock,
    log,
    random = Math.random,
    credentials = () => Promise.resolve(undefined),
  } = parts;
  const { policy = DEFAULT_POLICY, chunkBytes = DEFAULT_CHUNK_BYTES } = options;
  const url = registryUrl(host, options.insecure === true);
  const authorization = createAuthorization({ host, url, credentials, transport, clock });
  const exchange = createExchange({ host, url, transport, authorization, policy, clock, random, log });
  const upload = { exchange, url, policy, clock, random, chunkBytes };
  return {
    host,
    async ping(signal) {
      const call = {
        method: "GET" as const,
        to: "/v2/",
        scopes: [],
        action: "ask whether it is there",
        accept: [200],
      };
      (await exchange(call, signal)).body.resume();
    },
    hasBlob: (repository, digest, signal) => hasBlob(exchange, repository, digest, signal),
    openBlob: (repository, blob, signal) => openBlob(exchange, repository, blob, signal),
    uploadBlob: (repository, blob, how, signal) => uploadBlob(upload, repository, blob, how, signal),
    headManifest: (repository, reference, signal) => headManifest(exchange, repository, reference, signal),
    getManifest: (repository, reference, signal) => getManifest(exchange, repository, reference, signal),
    putManifest: (repository, reference, manifest, signal) =>
      putManifest(exchange, repository, reference, manifest, signal),
    deleteManifest: (repository, digest, signal) => deleteManifest(exchange, repository, digest, signal),
    listTags: (repository, signal) => listTags(exchange, repository, url, signal),
  };
}
