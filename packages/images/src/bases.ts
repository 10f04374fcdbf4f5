import { PlatformError } from "@hanzo-fn/contract";
import {
  type Descriptor,
  type ImageRuntime,
  isPlainHost,
  openLayout,
  parseReference,
  pullImage,
  pushImage,
  type Registry,
  resolveBase,
  RUNTIME_IMAGES,
  type SigningKey,
} from "@hanzo-fn/oci";
import { below } from "./names.ts";
import { pushRuntimeImages } from "./push-runtime-images.ts";
import type { Scratch } from "./scratch.ts";

/** What the configuration says about one runtime's image. */
export interface BasePin {
  /** `host/repository:tag`. Default: the runtime image's own name below the registry's prefix. */
  readonly image?: string | undefined;
  readonly digest?: string | undefined;
}

export interface BaseSettings {
  readonly prefix: string;
  /** As OCI writes it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly bases: Readonly<Record<ImageRuntime, BasePin>>;
  /** An OCI layout with the runtime images. */
  readonly layout?: string | undefined;
  /** PEM of public keys; none: the digest alone is the proof. */
  readonly trustedKeys: readonly string[];
  /** Signs what is pushed out of the layout. */
  readonly signingKey?: SigningKey | undefined;
}

export interface BaseParts {
  /** Where function images go. */
  readonly registry: Registry;
  /** Any other registry that a base is in. */
  readonly registryAt: (host: string) => Registry;
  readonly scratch: Scratch;
}

/** A runtime image in the registry of the functions, verified. */
export interface Base {
  readonly repository: string;
  readonly digest: string;
  readonly warnings: readonly string[];
}

interface Pinned {
  readonly reference: string;
  readonly digest: string;
}

export interface Bases {
  /** What a runtime is pinned to, without asking a registry. Throws `image_untrusted` where it is to nothing. */
  pinned(runtime: ImageRuntime): Promise<Pinned>;
  /** Makes sure of the pinned image, now. Throws what `resolveBase` throws. */
  resolve(runtime: ImageRuntime, signal: AbortSignal): Promise<Base>;
}

export function createBases({ registry, registryAt, scratch }: BaseParts, settings: BaseSettings): Bases {
  const { prefix, architecture, trustedKeys, signingKey } = settings;

  /** The image of the layout. By its digest alone: a development registry's tag may be behind the layout. */
  const ofLayout = async (runtime: ImageRuntime): Promise<Descriptor | undefined> => {
    if (settings.layout === undefined) return undefined;
    return (await (await openLayout(settings.layout)).find(RUNTIME_IMAGES[runtime]))?.descriptor;
  };

  const pinned = async (runtime: ImageRuntime): Promise<Pinned> => {
    const { image, digest } = settings.bases[runtime];
    const own = `${registry.host}/${below(prefix, RUNTIME_IMAGES[runtime])}`;
    const reference = image ?? own;
    const written = digest ?? parseReference(reference).digest;
    if (written !== undefined) return { reference, digest: written };
    const found = image === undefined ? await ofLayout(runtime) : undefined;
    if (found === undefined) throw notPinned(runtime, reference);
    return { reference: `${own.replace(/:[^:/]+$/, "")}@${found.digest}`, digest: found.digest };
  };

  /** Pushes the base out of the layout where that is what a development registry lacks. Answers whether it did. */
  const brought = async (runtime: ImageRuntime, base: Pinned, signal: AbortSignal): Promise<boolean> => {
    const { host } = parseReference(base.reference);
    const found = host === registry.host && isPlainHost(host) ? await ofLayout(runtime) : undefined;
    if (found?.digest !== base.digest || settings.layout === undefined) return false;
    const layout = await openLayout(settings.layout);
    await pushRuntimeImages(layout, { registry, prefix, runtimes: [runtime], signingKey }, signal);
    return true;
  };

  const verified = async (runtime: ImageRuntime, from: Registry, base: Pinned, signal: AbortSignal) => {
    const publicKeys = trustedKeys.length === 0 ? "unsigned" : trustedKeys;
    try {
      return await resolveBase(from, base, { publicKeys }, signal);
    } catch (error) {
      const missing = error instanceof PlatformError && error.code === "not_found";
      if (!missing || !(await brought(runtime, base, signal))) throw error;
      return resolveBase(from, base, { publicKeys }, signal);
    }
  };

  /** Copies a base of another registry to where functions can mount its layers. */
  const mirrored = async (from: Registry, repository: string, digest: string, signal: AbortSignal) => {
    const target = below(prefix, repository.slice(repository.lastIndexOf("/") + 1));
    await using place = await scratch.layout();
    const pull = (withoutLayers: boolean): Promise<Descriptor> =>
      pullImage(from, repository, digest, place.layout, { architecture, withoutLayers }, signal);
    const image = await pull(true);
    if ((await registry.headManifest(target, image.digest, signal)) === undefined) {
      await pull(false);
      await pushImage([place.layout], image, { registry, repository: target }, signal);
    }
    return { repository: target, digest: image.digest };
  };

  return {
    pinned,
    async resolve(runtime, signal) {
      const base = await pinned(runtime);
      const { host } = parseReference(base.reference);
      const from = host === registry.host ? registry : registryAt(host);
      const { repository, manifest } = await verified(runtime, from, base, signal);
      const warnings = trustedKeys.length === 0 && !isPlainHost(host) ? [unsigned(base)] : [];
      if (from === registry) return { repository, digest: manifest.digest, warnings };
      return { ...(await mirrored(from, repository, manifest.digest, signal)), warnings };
    },
  };
}

function unsigned({ reference }: Pinned): string {
  return `nobody's signature is asked for on the base image ${reference}: images.signing_keys is empty`;
}

function notPinned(runtime: ImageRuntime, reference: string): PlatformError {
  const message = `the image ${reference}, which ${runtime} functions stand on, is not pinned to a digest`;
  return new PlatformError("image_untrusted", message, {
    component: "images",
    next: `Set images.base_digests.${runtime}; \`node scripts/images.ts --push HOST/PATH\` pushes the runtime images and prints the lines`,
  });
}
