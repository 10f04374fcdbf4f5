import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from "node:crypto";
import { PlatformError } from "@hanzo-fn/contract";
import { decryptedKey, isEncryptedKey } from "./encrypted-key.ts";

/** A pair in PEM: PKCS #8 without a password, and SubjectPublicKeyInfo as `cosign verify --key` takes it. */
export interface KeyPair {
  readonly privateKey: string;
  readonly publicKey: string;
}

export function generateKeyPair(): KeyPair {
  return generateKeyPairSync("ec", {
    namedCurve: "prime256v1",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
}

/**
 * A private key for signatures: PEM of PKCS #8 or EC, or what `cosign generate-key-pair` writes, with its password. Throws
 * `bad_request` for anything else than ECDSA on P-256, without the key in the message.
 */
export async function readPrivateKey(pem: string, password: string | undefined): Promise<KeyObject> {
  const material = isEncryptedKey(pem)
    ? ({ key: await decryptedKey(pem, password), format: "der", type: "pkcs8" } as const)
    : pem;
  return checked(() => createPrivateKey(material), "private");
}

/** PEM of SubjectPublicKeyInfo. Throws `bad_request` as above. */
export function readPublicKey(pem: string): KeyObject {
  // Node would take the public half out of a private key; one that lies about in settings of public keys is a mistake to tell of.
  if (/PRIVATE KEY-----/.test(pem)) throw badKey("public", "a private key was given in its place");
  return checked(() => createPublicKey(pem), "public");
}

/** How a public key is called in results and messages: SHA-256 of its SubjectPublicKeyInfo. */
export function fingerprint(publicKey: KeyObject): string {
  const der = publicKey.export({ type: "spki", format: "der" });
  return `sha256:${createHash("sha256").update(der).digest("hex")}`;
}

function checked(read: () => KeyObject, kind: "private" | "public"): KeyObject {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    throw badKey(kind, "it is no PEM of one");
  }
  if (key.asymmetricKeyType !== "ec" || key.asymmetricKeyDetails?.namedCurve !== "prime256v1")
    throw badKey(kind, "it is not ECDSA on the curve P-256");
  return key;
}

function badKey(kind: string, why: string): PlatformError {
  return new PlatformError("bad_request", `the ${kind} key for signatures of images cannot be used: ${why}`, {
    component: "oci",
    next: "Make a pair with `cosign generate-key-pair`, or with openssl: openssl ecparam -name prime256v1 -genkey",
  });
}
