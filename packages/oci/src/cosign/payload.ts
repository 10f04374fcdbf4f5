import { isDigest } from "../registry/reference.ts";

/** What a signature says: this digest, known by this name (cosign's SIGNATURE_SPEC, "Simple Signing"). */
export interface Claim {
  readonly digest: string;
  /** `host/repository`, without tag and digest. */
  readonly identity: string;
}

const TYPE = "cosign container image signature";

/** The bytes that are signed. Their order of keys is cosign's own, so that equal claims are equal bytes. */
export function payloadBytes({ digest, identity }: Claim): Buffer {
  const critical = {
    identity: { "docker-reference": identity },
    image: { "docker-manifest-digest": digest },
    type: TYPE,
  };
  return Buffer.from(JSON.stringify({ critical, optional: null }));
}

/** Reads a payload; undefined where it is none. */
export function readPayload(bytes: Uint8Array): Claim | undefined {
  let critical: unknown;
  try {
    critical = (JSON.parse(Buffer.from(bytes).toString("utf8")) as { critical?: unknown } | null)?.critical;
  } catch {
    return undefined;
  }
  const { identity, image, type } = (critical ?? {}) as {
    identity?: Record<string, unknown>;
    image?: Record<string, unknown>;
    type?: unknown;
  };
  const name = identity?.["docker-reference"];
  const digest = image?.["docker-manifest-digest"];
  if (type !== TYPE || typeof name !== "string" || typeof digest !== "string" || !isDigest(digest))
    return undefined;
  return { digest, identity: name };
}
