import type { KeyObject } from "node:crypto";
import { PlatformError } from "@hanzo-fn/contract";
import { buffer } from "node:stream/consumers";
import type { Descriptor } from "../media-types.ts";
import { digestReference } from "../registry/reference.ts";
import type { Registry } from "../registry/registry.ts";
import { fingerprint, readPublicKey } from "./keys.ts";
import { readPayload } from "./payload.ts";
import { isSignatureOf, PAYLOAD_TYPE, readSignatures, SIGNATURE_ANNOTATION } from "./signatures.ts";

export interface VerifyOptions {
  /** PEM. One signature by one of them is enough. */
  readonly publicKeys: readonly string[];
  /**
   * Names (`host/repository`) that a signature may give the image. Default: the one under which it is asked for. An image that was copied with its
   * signatures from another registry has the name it had there.
   */
  readonly identities?: readonly string[] | undefined;
}

export interface Verified {
  readonly digest: string;
  /** The name in the signature. */
  readonly identity: string;
  /** The digest of the signed payload, and the signature in base64: what may be kept as the proof. */
  readonly payload: string;
  readonly signature: string;
  /** SHA-256 of the public key (SubjectPublicKeyInfo). */
  readonly key: string;
}

const LARGEST_PAYLOAD_BYTES = 64 * 1024;
/** Anybody who may push may add signatures; this many are looked at, the newest first. */
const MOST_SIGNATURES = 100;

/** Finds a signature of the digest that one of the keys has made. Throws `image_untrusted` with what was found instead. */
export async function verifyImage(
  registry: Registry,
  repository: string,
  digest: string,
  options: VerifyOptions,
  signal: AbortSignal,
): Promise<Verified> {
  const keys = options.publicKeys.map(readPublicKey);
  const identities = options.identities ?? [`${registry.host}/${repository}`];
  const layers = await readSignatures(registry, repository, digest, signal);
  const faults = new Set<string>();
  for (const layer of layers.filter(isPayload).slice(-MOST_SIGNATURES).toReversed()) {
    const payload = await payloadOf(registry, repository, layer, signal);
    if (payload === undefined) {
      faults.add("a signature whose payload is lost");
      continue;
    }
    const key = keys.find((one) => isSignatureOf(layer, payload, one));
    if (key === undefined) {
      faults.add("a signature by another key");
      continue;
    }
    const claim = readPayload(payload);
    if (claim === undefined) faults.add("a signature of something else than an image");
    else if (claim.digest !== digest) faults.add(`a signature of ${claim.digest}`);
    else if (!identities.includes(claim.identity))
      faults.add(`a signature for the name ${claim.identity.slice(0, 300)}`);
    else {
      const signature = layer.annotations?.[SIGNATURE_ANNOTATION] ?? "";
      return { digest, identity: claim.identity, payload: layer.digest, signature, key: fingerprint(key) };
    }
  }
  throw untrusted(registry.host, repository, digest, keys, [...faults]);
}

/** One lost payload must not hide the good signature beside it. */
async function payloadOf(
  registry: Registry,
  repository: string,
  layer: Descriptor,
  signal: AbortSignal,
): Promise<Buffer | undefined> {
  try {
    return await buffer(await registry.openBlob(repository, layer, signal));
  } catch (error) {
    const lost =
      error instanceof PlatformError && (error.code === "not_found" || error.code === "image_untrusted");
    if (lost) return undefined;
    throw error;
  }
}

function isPayload({ mediaType, size }: Descriptor): boolean {
  return mediaType === PAYLOAD_TYPE && size <= LARGEST_PAYLOAD_BYTES;
}

function untrusted(
  host: string,
  repository: string,
  digest: string,
  keys: readonly KeyObject[],
  faults: readonly string[],
): PlatformError {
  const reference = digestReference(host, repository, digest);
  const found = faults.length === 0 ? "it has no signature" : `it has ${faults.join(", ")}`;
  const trusted = keys.map(fingerprint).join(", ") || "none";
  const message = `${reference} is not signed by a trusted key: ${found} (trusted keys: ${trusted})`;
  return new PlatformError("image_untrusted", message, {
    component: "oci",
    next: `Sign it (cosign sign --key cosign.key --tlog-upload=false ${reference}), or add the public key that signed it to the trusted ones`,
  });
}
