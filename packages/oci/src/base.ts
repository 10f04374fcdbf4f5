import { PlatformError } from "@hanzo-fn/contract";
import { verifyImage, type Verified } from "./cosign/verify.ts";
import type { Descriptor } from "./media-types.ts";
import { digestReference, parseReference } from "./registry/reference.ts";
import type { Registry } from "./registry/registry.ts";

export interface PinnedBase {
  /** `host/repository:tag`, or with the digest behind it, or the digest alone. */
  readonly reference: string;
  /** What the tag pointed at when the base was approved. May be left out where the reference has it. */
  readonly digest?: string | undefined;
}

export interface BaseTrust {
  /** PEM of the public keys whose signature is asked for; `unsigned` where the digest alone is the proof. */
  readonly publicKeys: readonly string[] | "unsigned";
  /** Names that signatures may give it; see `VerifyOptions`. */
  readonly identities?: readonly string[] | undefined;
}

export interface ResolvedBase {
  /** `host/repository@sha256:…`. */
  readonly reference: string;
  readonly repository: string;
  readonly manifest: Descriptor;
  /** The signature that was found good; undefined where none was asked for. */
  readonly verified: Verified | undefined;
}

/**
 * Makes sure that a base is what was pinned, now: its tag still points there, the registry still has it, a trusted key signed it. A tag that is gone does not
 * matter, the digest does. Throws `image_untrusted`, and `not_found` where the registry lost it.
 */
export async function resolveBase(
  registry: Registry,
  base: PinnedBase,
  trust: BaseTrust,
  signal: AbortSignal,
): Promise<ResolvedBase> {
  const { host, repository, tag, digest: written } = parseReference(base.reference);
  const digest = pinned(base, written);
  if (host !== registry.host) {
    const message = `the base image ${base.reference} is not in the registry ${registry.host}`;
    throw new PlatformError("bad_request", message, {
      component: "oci",
      next: `Copy it there: skopeo copy --all docker://${base.reference} docker://${registry.host}/${repository}`,
    });
  }
  const reference = digestReference(host, repository, digest);
  const tagged = tag === undefined ? undefined : await registry.headManifest(repository, tag, signal);
  if (tagged !== undefined && tagged.digest !== digest)
    throw retagged(`${host}/${repository}:${tag}`, tagged.digest, digest);
  const manifest = await registry.headManifest(repository, digest, signal);
  if (manifest === undefined) {
    throw new PlatformError("not_found", `the registry does not have the base image ${reference}`, {
      component: "oci",
      next: "Push that image again, or pin the digest of one that is there",
    });
  }
  if (trust.publicKeys === "unsigned") return { reference, repository, manifest, verified: undefined };
  const { publicKeys, identities } = trust;
  const verified = await verifyImage(registry, repository, digest, { publicKeys, identities }, signal);
  return { reference, repository, manifest, verified };
}

function pinned({ reference, digest }: PinnedBase, written: string | undefined): string {
  const found = digest ?? written;
  if (found === undefined) {
    throw new PlatformError("image_untrusted", `the base image ${reference} is not pinned to a digest`, {
      component: "oci",
      next: `Look it up (skopeo inspect docker://${reference}) and write it behind: ${reference}@sha256:…`,
    });
  }
  if (written !== undefined && written !== found) throw retagged(reference, written, found);
  return found;
}

function retagged(name: string, now: string, pinnedTo: string): PlatformError {
  const message = `the base image ${name} is ${now}, and it is pinned to ${pinnedTo}: somebody has pushed another image under that tag`;
  return new PlatformError("image_untrusted", message, {
    component: "oci",
    next: `Find out who pushed it. If it is the one you want, pin ${now}; if not, push ${pinnedTo} under the tag again`,
  });
}
