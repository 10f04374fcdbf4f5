import { signatureTag } from "./cosign/signatures.ts";
import type { Registry } from "./registry/registry.ts";

/**
 * Deletes an image and its signatures; false where there was none. Layers stay until the registry collects its garbage.
 * The signatures go first: an image without them is found again, signatures without an image are not.
 */
export async function deleteImage(
  registry: Registry,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<boolean> {
  const signatures = await registry.headManifest(repository, signatureTag(digest), signal);
  if (signatures !== undefined) await registry.deleteManifest(repository, signatures.digest, signal);
  return registry.deleteManifest(repository, digest, signal);
}
