import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK, type JWTPayload } from "jose";
import { ulid } from "@hanzo-fn/contract";
import { localKeys, type KeySource } from "./key-source.ts";

/** Where the caller keeps a private key (a JWK with `d`); it must not be readable by functions. */
export interface KeyStorage {
  loadKey(): Promise<JWK | undefined>;
  /** Keeps the key unless one is kept already, and answers the one that is kept: two processes may start at once. */
  saveKey(key: JWK): Promise<JWK>;
}

export interface Signer {
  readonly keys: KeySource;
  /** The public half. */
  readonly jwks: { readonly keys: readonly JWK[] };
  sign(claims: JWTPayload, typ: string): Promise<string>;
}

async function newKey(nowMs: number): Promise<JWK> {
  const { privateKey } = await generateKeyPair("ES256", { extractable: true });
  return { ...(await exportJWK(privateKey)), kid: `hanzo-fn-${ulid(nowMs)}`, alg: "ES256", use: "sig" };
}

/** An ES256 key pair: made at the first start, loaded after that. */
export async function createSigner(storage: KeyStorage, nowMs: number): Promise<Signer> {
  const key = (await storage.loadKey()) ?? (await storage.saveKey(await newKey(nowMs)));
  const { kid } = key;
  if (kid === undefined || key.kty !== "EC" || key.d === undefined)
    throw new Error("the stored signing key is not a private EC key with a kid");
  const { d: _private, ...shared } = key;
  const jwks = { keys: [shared] };
  const privateKey = await importJWK(key, "ES256");
  return {
    keys: localKeys(jwks),
    jwks,
    sign: (claims, typ) =>
      new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid, typ }).sign(privateKey),
  };
}
