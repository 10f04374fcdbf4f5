import { PlatformError } from "@hanzo-fn/contract";
import {
  type ImageRuntime,
  type Layout,
  parseReference,
  pushImage,
  type Registry,
  RUNTIME_IMAGES,
  type SigningKey,
  signImage,
} from "@hanzo-fn/oci";
import { below } from "./names.ts";

/** Where images of a layout go. */
export interface NamedTarget {
  readonly registry: Registry;
  readonly prefix: string;
  readonly signingKey?: SigningKey | undefined;
}

interface PushedImage {
  readonly repository: string;
  /** `host/repository:tag`. */
  readonly name: string;
  readonly digest: string;
  readonly sentBytes: number;
}

/** Brings an image out of a layout into a registry, under its own name below the prefix, and signs it. */
export async function pushNamed(
  layout: Layout,
  image: string,
  { registry, prefix, signingKey }: NamedTarget,
  signal: AbortSignal,
): Promise<PushedImage> {
  const name = `${registry.host}/${below(prefix, image)}`;
  const { repository, tag = "" } = parseReference(name);
  const found = await layout.find(image);
  if (found === undefined) {
    throw new PlatformError("not_found", `${image} is not in the layout ${layout.root}`, {
      component: "images",
      next: "Assemble it: node scripts/images.ts",
    });
  }
  const { digest } = found.descriptor;
  const target = { registry, repository, tags: [tag] };
  const { sentBytes } = await pushImage([layout], found.descriptor, target, signal);
  if (signingKey !== undefined) await signImage(registry, repository, digest, signingKey, signal);
  return { repository, name, digest, sentBytes };
}

export interface PushedRuntimeImage extends PushedImage {
  readonly runtime: ImageRuntime;
}

export async function pushRuntimeImages(
  layout: Layout,
  { runtimes, ...target }: NamedTarget & { readonly runtimes: readonly ImageRuntime[] },
  signal: AbortSignal,
): Promise<PushedRuntimeImage[]> {
  const pushed: PushedRuntimeImage[] = [];
  for (const runtime of runtimes) {
    pushed.push({ runtime, ...(await pushNamed(layout, RUNTIME_IMAGES[runtime], target, signal)) });
  }
  return pushed;
}

/** What to paste into the configuration, so that functions stand on these images and no others. */
export function configLines(pushed: readonly PushedRuntimeImage[]): string[] {
  return [
    "images:",
    "  base_digests:",
    ...pushed.map(({ runtime, digest }) => `    ${runtime}: ${digest}`),
    "runtimes:",
    ...pushed.map(({ runtime, name }) => `  ${runtime}: { image: "${name}" }`),
  ];
}
