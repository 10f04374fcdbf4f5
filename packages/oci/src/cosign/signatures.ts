import { createPublicKey, verify, type KeyObject } from "node:crypto";
import { PlatformError } from "@hanzo-fn/contract";
import type { Descriptor, Manifest } from "../media-types.ts";
import { isDigest } from "../registry/reference.ts";
import type { Registry } from "../registry/registry.ts";

/** cosign's SIGNATURE_SPEC: a layer of this type is a payload, and its signature is in the annotation. */
export const PAYLOAD_TYPE = "application/vnd.dev.cosign.simplesigning.v1+json";
export const SIGNATURE_ANNOTATION = "dev.cosignproject.cosign/signature";

/** Where the signatures of a digest are: in the same repository, under a tag made of it. */
export function signatureTag(digest: string): string {
  return `${digest.replace(":", "-")}.sig`;
}

/** The layers that hold signatures of a digest, the newest last. None where nobody signed it. */
export async function readSignatures(
  registry: Registry,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  try {
    const { bytes } = await registry.getManifest(repository, signatureTag(digest), signal);
    const { layers } = JSON.parse(bytes.toString("utf8")) as Partial<Manifest>;
    return Array.isArray(layers) ? layers.filter((layer) => isDigest(String(layer?.digest))) : [];
  } catch (error) {
    if (error instanceof PlatformError && error.code === "not_found") return [];
    if (error instanceof SyntaxError) return [];
    throw error;
  }
}

/** `key` may be either half. */
export function isSignatureOf(layer: Descriptor, payload: Buffer, key: KeyObject): boolean {
  const signature = layer.annotations?.[SIGNATURE_ANNOTATION];
  if (typeof signature !== "string") return false;
  const publicKey = key.type === "private" ? createPublicKey(key) : key;
  return verify("sha256", payload, { key: publicKey, dsaEncoding: "der" }, Buffer.from(signature, "base64"));
}
