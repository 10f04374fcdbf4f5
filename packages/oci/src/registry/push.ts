import { PlatformError } from "@hanzo-fn/contract";
import { createGate } from "@hanzo-fn/lifecycle";
import { buffer } from "node:stream/consumers";
import type { Layout } from "../layout.ts";
import type { Descriptor, Manifest } from "../media-types.ts";
import { digestReference } from "./reference.ts";
import type { Registry } from "./registry.ts";
import type { BlobSource, Uploaded } from "./upload.ts";

export interface PushTarget {
  readonly registry: Registry;
  readonly repository: string;
  /** Names for the image there. By its digest it can be had anyway. */
  readonly tags?: readonly string[] | undefined;
  /** Repositories of the same registry that may have layers of it: those of its base. */
  readonly mountFrom?: readonly string[] | undefined;
  /** Blobs on their way at once. Default 4. */
  readonly concurrency?: number | undefined;
  /** Ask for the blobs also where the manifest is there: a registry that lost one still gives the manifest. Default false. */
  readonly mend?: boolean | undefined;
}

export interface Pushed {
  /** `host/repository@sha256:…`. */
  readonly reference: string;
  readonly digest: string;
  /** Bytes of blobs and manifests that went over the wire. */
  readonly sentBytes: number;
  /** Blobs, by what became of them. */
  readonly sent: number;
  readonly mounted: number;
  readonly present: number;
}

/** A registry may lose a blob between its upload and the manifest (garbage collection, a cache that lies); more often than this it is broken. */
const MOST_ROUNDS = 3;

/**
 * Brings an image out of layouts into a registry: the blobs that are missing there, then the manifest. An image that is there
 * already costs one request, unless it is to be mended. A layer need not be in a layout where the registry has it, in the repository or in one to mount from.
 * Throws what `Registry` throws, and `not_found` for a blob that is nowhere.
 */
export async function pushImage(
  layouts: readonly Layout[],
  image: Descriptor,
  target: PushTarget,
  signal: AbortSignal,
): Promise<Pushed> {
  const { registry, repository, tags = [] } = target;
  const references = tags.length === 0 ? [image.digest] : tags;
  const bytes = await readBlob(layouts, image);
  const there = await Promise.all(
    references.map((reference) => registry.headManifest(repository, reference, signal)),
  );
  const missing = references.filter((_, index) => there[index]?.digest !== image.digest);
  const { config, layers } = JSON.parse(bytes.toString("utf8")) as Manifest;
  const blobs = new Map([...layers, config].map((blob) => [blob.digest, blob]));
  const tally = { sentBytes: 0, sent: 0, mounted: 0, present: 0 };
  const done = { reference: digestReference(registry.host, repository, image.digest), digest: image.digest };
  if (missing.length === 0 && target.mend !== true) return { ...done, ...tally, present: blobs.size };

  const manifest = { mediaType: image.mediaType, bytes };
  let wanted = [...blobs.values()];
  for (let round = 1; ; round++) {
    const uploaded = await uploadAll(layouts, wanted, target, round > 1, signal);
    for (const { how, sentBytes } of uploaded) {
      tally[how] += 1;
      tally.sentBytes += sentBytes;
    }
    try {
      for (const reference of missing) await registry.putManifest(repository, reference, manifest, signal);
      return { ...done, ...tally, sentBytes: tally.sentBytes + bytes.length * missing.length };
    } catch (error) {
      wanted = unknownBlobs(error).flatMap((digest) => blobs.get(digest) ?? []);
      if (wanted.length === 0 || round >= MOST_ROUNDS) throw error;
    }
  }
}

/** Several at once; the first failure ends the others. */
async function uploadAll(
  layouts: readonly Layout[],
  blobs: readonly Descriptor[],
  { registry, repository, mountFrom, concurrency = 4 }: PushTarget,
  always: boolean,
  outer: AbortSignal,
): Promise<Uploaded[]> {
  const gate = createGate(concurrency);
  const stop = new AbortController();
  const signal = AbortSignal.any([outer, stop.signal]);
  const uploads = blobs.map((blob) =>
    gate(signal, () =>
      registry.uploadBlob(repository, sourceOf(layouts, blob), { mountFrom, always }, signal),
    ),
  );
  try {
    return await Promise.all(uploads);
  } catch (error) {
    stop.abort(error);
    await Promise.allSettled(uploads);
    throw error;
  }
}

function sourceOf(layouts: readonly Layout[], { digest, size }: Descriptor): BlobSource {
  return {
    digest,
    size,
    open: async (start, end) => (await layoutOf(layouts, digest)).openBlob(digest, { start, end }),
  };
}

async function readBlob(layouts: readonly Layout[], { digest }: Descriptor): Promise<Buffer> {
  return buffer(await (await layoutOf(layouts, digest)).openBlob(digest));
}

async function layoutOf(layouts: readonly Layout[], digest: string): Promise<Layout> {
  for (const layout of layouts) if (await layout.has(digest)) return layout;
  throw new PlatformError(
    "not_found",
    `the blob ${digest} is in no layout, and the registry does not have it`,
    {
      component: "oci",
      next: "Push the base image into this registry first, or pull its layers",
    },
  );
}

/** The blobs that a registry misses when it refuses a manifest. */
function unknownBlobs(error: unknown): string[] {
  if (!(error instanceof PlatformError)) return [];
  const found = (error.details ?? []).filter(({ path = "" }) => path.endsWith("BLOB_UNKNOWN"));
  return found.flatMap(({ value }) => (typeof value === "string" ? [value] : []));
}
