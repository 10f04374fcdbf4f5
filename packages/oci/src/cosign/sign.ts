import { sign, type KeyObject } from "node:crypto";
import { Readable } from "node:stream";
import { MEDIA, type Descriptor, type Manifest } from "../media-types.ts";
import { digestOf } from "../registry/manifests.ts";
import type { Registry } from "../registry/registry.ts";
import { readPrivateKey } from "./keys.ts";
import { payloadBytes } from "./payload.ts";
import {
  isSignatureOf,
  PAYLOAD_TYPE,
  readSignatures,
  SIGNATURE_ANNOTATION,
  signatureTag,
} from "./signatures.ts";

export interface SigningKey {
  readonly pem: string;
  /** Of a key that `cosign generate-key-pair` encrypted. */
  readonly password?: string | undefined;
}

/** Signs what is under a digest, whatever tags lead to it. Signatures of others stay; one that this key has made already is left as it is. */
export async function signImage(
  registry: Registry,
  repository: string,
  digest: string,
  key: SigningKey,
  signal: AbortSignal,
): Promise<void> {
  const privateKey = await readPrivateKey(key.pem, key.password);
  const payload = payloadBytes({ digest, identity: `${registry.host}/${repository}` });
  const there = await readSignatures(registry, repository, digest, signal);
  const payloadDigest = digestOf(payload);
  if (there.some((layer) => layer.digest === payloadDigest && isSignatureOf(layer, payload, privateKey)))
    return;
  const layers = [...there, signatureLayer(payload, privateKey)];
  const config = configBytes(layers);
  await upload(registry, repository, payload, signal);
  await upload(registry, repository, config, signal);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: { mediaType: MEDIA.config, digest: digestOf(config), size: config.length },
    layers,
  };
  const bytes = Buffer.from(JSON.stringify(manifest));
  await registry.putManifest(repository, signatureTag(digest), { mediaType: MEDIA.manifest, bytes }, signal);
}

function signatureLayer(payload: Buffer, key: KeyObject): Descriptor {
  const signature = sign("sha256", payload, { key, dsaEncoding: "der" }).toString("base64");
  return {
    mediaType: PAYLOAD_TYPE,
    digest: digestOf(payload),
    size: payload.length,
    annotations: { [SIGNATURE_ANNOTATION]: signature },
  };
}

/** An image configuration, as the manifest has to have one; its layers are not compressed, so that their digests are their diff ids. */
function configBytes(layers: readonly Descriptor[]): Buffer {
  const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
  return Buffer.from(JSON.stringify({ architecture: "", os: "", config: {}, rootfs }));
}

async function upload(
  registry: Registry,
  repository: string,
  bytes: Buffer,
  signal: AbortSignal,
): Promise<void> {
  const source = {
    digest: digestOf(bytes),
    size: bytes.length,
    open: (start: number, end: number) => Promise.resolve(Readable.from([bytes.subarray(start, end)])),
  };
  await registry.uploadBlob(repository, source, {}, signal);
}
