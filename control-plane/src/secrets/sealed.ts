import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

/** One encrypted value: AES-256-GCM with a nonce of its own, all in base64. */
export interface Sealed {
  readonly nonce: string;
  readonly data: string;
  readonly tag: string;
}

const ALGORITHM = "aes-256-gcm";

/** `context` is authenticated with the value, so that one entry cannot be put in another one's place. */
export function seal(key: Buffer, context: string, value: string): Sealed {
  const nonce = randomBytes(12);
  const cipher = createCipheriv(ALGORITHM, key, nonce).setAAD(Buffer.from(context));
  const data = Buffer.concat([cipher.update(value, "utf8"), cipher.final()]);
  return {
    nonce: nonce.toString("base64"),
    data: data.toString("base64"),
    tag: cipher.getAuthTag().toString("base64"),
  };
}

/** Throws where the key, the context or the data is not what was sealed. */
export function unseal(key: Buffer, context: string, sealed: Sealed): string {
  const nonce = Buffer.from(sealed.nonce, "base64");
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: 16 })
    .setAAD(Buffer.from(context))
    .setAuthTag(Buffer.from(sealed.tag, "base64"));
  return Buffer.concat([decipher.update(Buffer.from(sealed.data, "base64")), decipher.final()]).toString(
    "utf8",
  );
}
