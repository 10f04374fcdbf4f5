import { PlatformError } from "@hanzo-fn/contract";
import { createGate } from "@hanzo-fn/lifecycle";
import { Readable } from "node:stream";
import type { Layout } from "../layout.ts";
import { DOCKER_MEDIA, MEDIA, type Descriptor, type Manifest } from "../media-types.ts";
import { otherBytes } from "./blobs.ts";
import { brokenBecause, unreachable } from "./failure.ts";
import type { StoredManifest } from "./manifests.ts";
import type { Registry } from "./registry.ts";

export interface PullOptions {
  /** What is taken out of an index: `amd64`, `arm64`. */
  readonly architecture: string;
  /** Leave the layers where they are: enough to put layers on top of an image and to push the result into the same registry. */
  readonly withoutLayers?: boolean | undefined;
  /** A name for it in the layout. */
  readonly name?: string | undefined;
  /** Blobs on their way at once. Default 4. */
  readonly concurrency?: number | undefined;
}

/** A blob that breaks off is asked for again this often; the registry's own tries come on top. */
const TRIES = 3;

/**
 * Brings an image into a layout, as the same bytes under the same digests; `reference` is a tag or a digest. Answers the image's manifest, for an index that of the
 * architecture. Throws what `Registry` throws, and `image_untrusted` where bytes have another digest.
 */
export async function pullImage(
  registry: Registry,
  repository: string,
  reference: string,
  layout: Layout,
  options: PullOptions,
  signal: AbortSignal,
): Promise<Descriptor> {
  const { descriptor, bytes } = await imageManifest(
    registry,
    repository,
    reference,
    options.architecture,
    signal,
  );
  const manifest = JSON.parse(bytes.toString("utf8")) as Manifest;
  const wanted = new Map(
    [manifest.config, ...(options.withoutLayers ? [] : manifest.layers)].map((blob) => [blob.digest, blob]),
  );
  const gate = createGate(options.concurrency ?? 4);
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const pulls = [...wanted.values()].map((blob) =>
    gate(both, () => pullBlob(registry, repository, blob, layout, both)),
  );
  try {
    await Promise.all(pulls);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(pulls);
    throw error;
  }
  // Last: where the manifest is, what was asked for is there.
  await layout.putBlob(Readable.from([bytes]), signal);
  if (options.name !== undefined) await layout.tag(options.name, descriptor);
  return descriptor;
}

interface Index {
  readonly manifests: ReadonlyArray<
    Descriptor & { readonly platform?: { readonly os: string; readonly architecture: string } }
  >;
}

async function imageManifest(
  registry: Registry,
  repository: string,
  reference: string,
  architecture: string,
  signal: AbortSignal,
): Promise<StoredManifest> {
  const found = await registry.getManifest(repository, reference, signal);
  const { mediaType, digest } = found.descriptor;
  if (mediaType === MEDIA.manifest || mediaType === DOCKER_MEDIA.manifest) return found;
  const isIndex = mediaType === MEDIA.index || mediaType === DOCKER_MEDIA.list;
  const { manifests } = isIndex ? (JSON.parse(found.bytes.toString("utf8")) as Index) : { manifests: [] };
  const chosen = manifests.find(
    ({ platform }) => platform?.os === "linux" && platform.architecture === architecture,
  );
  if (chosen !== undefined) return registry.getManifest(repository, chosen.digest, signal);
  const what = isIndex ? `has no image for linux/${architecture}` : `is a ${mediaType}, which is no image`;
  throw new PlatformError("unsupported", `${registry.host}/${repository}@${digest} ${what}`, {
    component: "oci",
    next: `Name an image for linux/${architecture}`,
  });
}

async function pullBlob(
  registry: Registry,
  repository: string,
  blob: Descriptor,
  layout: Layout,
  signal: AbortSignal,
): Promise<void> {
  if (await layout.has(blob.digest)) return;
  for (let attempt = 1; ; attempt++) {
    const source = await registry.openBlob(repository, blob, signal);
    try {
      const { digest } = await layout.putBlob(source, signal);
      if (digest !== blob.digest) throw otherBytes(repository, blob.digest);
      return;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PlatformError) throw error;
      const wanted = { host: registry.host, action: `read ${blob.digest} of ${repository}` };
      if (attempt >= TRIES) throw unreachable(wanted, brokenBecause(error), { cause: error });
    }
  }
}
