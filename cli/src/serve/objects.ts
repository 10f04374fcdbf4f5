import {
  type Blobs,
  createUrlSigner,
  type Objects,
  openDiskBlobs,
  openDiskObjects,
  openS3Blobs,
  openS3Objects,
  type S3Settings,
  type UrlSigner,
} from "@hanzo-fn/blobs";
import { type Config, PlatformError } from "@hanzo-fn/contract";
import { roomOn, withRoom } from "@hanzo-fn/gateway";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { DataDir } from "./data-dir.ts";
import { keptSecret } from "./kept-secret.ts";

/** Undefined where no S3 service is configured. */
function s3Of({ storage }: Config): S3Settings | undefined {
  const { url, region, accessKey, secretKey } = storage;
  if (url === undefined || accessKey === undefined || secretKey === undefined) return undefined;
  return { url, region, accessKey, secretKey: secretKey.reveal() };
}

/** What a configured service cannot be used without. */
function missingCredentials(): PlatformError {
  return new PlatformError("unavailable", "an S3 endpoint is configured without credentials", {
    component: "storage",
    next: "set storage.access_key and storage.secret_key (OBJECT_STORAGE_ACCESS_KEY, OBJECT_STORAGE_SECRET_KEY)",
  });
}

/** Fails loudly at every use, and at nothing else. */
function noObjects(reason: () => PlatformError): Objects {
  const refuse = (): Promise<never> => Promise.reject(reason());
  return {
    put: refuse,
    get: refuse,
    head: refuse,
    delete: refuse,
    list: refuse,
    presign: refuse,
    ensureBucket: refuse,
  };
}

export interface ObjectStorage {
  readonly objects: Objects;
  /** Of URLs to objects on the disk; undefined where S3 signs its own. */
  readonly signer: UrlSigner | undefined;
  /** Base URLs under which objects are reached as `<base>/<bucket>/<key>`. */
  readonly endpoints: () => readonly string[];
}

const withoutSlash = (url: string): string => url.replace(/\/+$/, "");

/** The host is part of a signature: URLs for callers outside are signed for the name that they know. */
function openS3(settings: S3Settings, publicUrl: string | undefined, clock: Clock): Objects {
  const objects = openS3Objects({ clock }, settings);
  if (publicUrl === undefined) return objects;
  return { ...objects, presign: openS3Objects({ clock }, { ...settings, url: publicUrl }).presign };
}

/** Objects of `ctx.storage`: of the S3 service that is configured, else on the disk. `baseUrl` of :8060, once it listens. */
export async function openObjects(
  config: Config,
  {
    dir,
    store,
    clock,
    log,
    baseUrl,
  }: {
    readonly log: Logger;
    readonly dir: DataDir;
    readonly store: Store;
    readonly clock: Clock;
    readonly baseUrl: () => string;
  },
): Promise<ObjectStorage> {
  const { storage } = config;
  if (storage.url !== undefined) {
    const s3 = s3Of(config);
    if (s3 === undefined) log.warn(missingCredentials().message, { next: missingCredentials().next });
    const endpoints = [storage.url, storage.publicUrl].filter((url) => url !== undefined).map(withoutSlash);
    return {
      objects: s3 === undefined ? noObjects(missingCredentials) : openS3(s3, storage.publicUrl, clock),
      signer: undefined,
      endpoints: () => endpoints,
    };
  }
  const secret = await keptSecret(store, "object-urls", clock);
  const own = (): string => `${baseUrl()}/v1/objects`;
  const shown = (): string => `${withoutSlash(storage.publicUrl ?? baseUrl())}/v1/objects`;
  const signer: UrlSigner = {
    sign: (target, expiresAt) => createUrlSigner({ baseUrl: shown(), secret }).sign(target, expiresAt),
    verify: (method, url, now) => createUrlSigner({ baseUrl: own(), secret }).verify(method, url, now),
  };
  const disk = await openDiskObjects({ clock }, { directory: dir.objects, signer });
  const objects = withRoom(disk, roomOn(dir.objects));
  return { objects, signer, endpoints: () => [own(), shown()] };
}

/** Source archives: in a bucket of their own where one is named, else on the disk. */
export async function openBlobs(
  config: Config,
  { dir, clock, signal }: { readonly dir: DataDir; readonly clock: Clock; readonly signal: AbortSignal },
): Promise<Blobs> {
  const { sourceBucket: bucket } = config.storage;
  if (bucket === undefined) return openDiskBlobs({ directory: dir.blobs });
  const s3 = s3Of(config);
  if (s3 === undefined) throw missingCredentials();
  await openS3Objects({ clock }, s3).ensureBucket(bucket, signal);
  return openS3Blobs({ clock }, { ...s3, bucket });
}
