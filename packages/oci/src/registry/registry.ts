import { PlatformError } from "@hanzo-fn/contract";
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
import { isRepository } from "./reference.ts";
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
  /** Where it is reached from here, if not under its own name, as a cluster's registry with a name that only its nodes know. */
  readonly url?: URL | undefined;
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
  const url = options.url ?? registryUrl(host, options.insecure === true);
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
    hasBlob: async (repository, digest, signal) => hasBlob(exchange, named(repository), digest, signal),
    openBlob: async (repository, blob, signal) => openBlob(exchange, named(repository), blob, signal),
    uploadBlob: async (repository, blob, how, signal) =>
      uploadBlob(upload, named(repository), blob, how, signal),
    headManifest: async (repository, reference, signal) =>
      headManifest(exchange, named(repository), reference, signal),
    getManifest: async (repository, reference, signal) =>
      getManifest(exchange, named(repository), reference, signal),
    putManifest: async (repository, reference, manifest, signal) =>
      putManifest(exchange, named(repository), reference, manifest, signal),
    deleteManifest: async (repository, digest, signal) =>
      deleteManifest(exchange, named(repository), digest, signal),
    listTags: async (repository, signal) => listTags(exchange, named(repository), url, signal),
  };
}

/** It becomes a part of paths. */
function named(repository: string): string {
  if (isRepository(repository)) return repository;
  const message = `${repository.slice(0, 300)} is no name of a repository`;
  throw new PlatformError("bad_request", message, {
    component: "oci",
    next: "Use lower-case letters, digits, and single . _ - or / between them",
  });
}
