import { scrypt } from "node:crypto";
import { PlatformError } from "@hanzo-fn/contract";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";

const PEM =
  /-----BEGIN ENCRYPTED (?:COSIGN|SIGSTORE) PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END ENCRYPTED (?:COSIGN|SIGSTORE) PRIVATE KEY-----/;
/** scrypt's memory is 128 * N * r bytes; cosign takes N = 65536, r = 8. A file that asks for more is not obeyed. */
const MOST_MEMORY = 256 * 1024 * 1024;

/** What the PEM holds, as JSON: the format of go-securesystemslib, which cosign uses. Bytes are in base64. */
interface Envelope {
  readonly kdf: {
    readonly name: string;
    readonly params: { readonly N: number; readonly r: number; readonly p: number };
    readonly salt: string;
  };
  readonly cipher: { readonly name: string; readonly nonce: string };
  readonly ciphertext: string;
}

export function isEncryptedKey(pem: string): boolean {
  return PEM.test(pem);
}

/** PKCS #8 in DER. Throws `bad_request` where the password is wrong or missing, or the format another one. */
export async function decryptedKey(pem: string, password: string | undefined): Promise<Buffer> {
  if (password === undefined) throw bad("it is encrypted, and no password was given");
  const { kdf, cipher, ciphertext = "" } = envelopeOf(pem);
  if (kdf?.name !== "scrypt" || cipher?.name !== "nacl/secretbox")
    throw bad("it is encrypted in a way that is not cosign's (scrypt, nacl/secretbox)");
  const key = await derived(password, Buffer.from(kdf.salt, "base64"), kdf.params);
  try {
    const box = xsalsa20poly1305(key, Buffer.from(cipher.nonce, "base64"));
    return Buffer.from(box.decrypt(Buffer.from(ciphertext, "base64")));
  } catch {
    throw bad("the password is wrong");
  }
}

function envelopeOf(pem: string): Partial<Envelope> {
  try {
    const json = Buffer.from(PEM.exec(pem)?.[1] ?? "", "base64").toString("utf8");
    return JSON.parse(json) as Partial<Envelope>;
  } catch {
    throw bad("what its PEM holds is not JSON");
  }
}

function derived(password: string, salt: Buffer, { N, r, p }: Envelope["kdf"]["params"]): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    try {
      scrypt(password, salt, 32, { N, r, p, maxmem: MOST_MEMORY }, (error, key) =>
        error === null ? resolve(key) : reject(bad("its scrypt parameters cannot be used")),
      );
    } catch {
      reject(bad("its scrypt parameters cannot be used"));
    }
  });
}

function bad(why: string): PlatformError {
  return new PlatformError("bad_request", `the private key for signatures of images cannot be used: ${why}`, {
    component: "oci",
    next: "Give the password it was made with, or a key without one: PKCS #8 in PEM",
  });
}
