import { PlatformError } from "@hanzo-fn/contract";
import { decodeJwt, decodeProtectedHeader, errors, jwtVerify, type CryptoKey, type JWTPayload } from "jose";
import { ALGORITHMS, type KeySource } from "./key-source.ts";

export interface JwtRules {
  readonly issuer: string;
  readonly keys: KeySource;
  /** Checked only where given. */
  readonly audience?: readonly string[] | undefined;
  /** The JOSE header's `typ`, where one kind of token must not pass for another. */
  readonly typ?: string | undefined;
}

/** Seconds that clocks of issuer and platform may differ. */
const TOLERANCE_S = 5;
/** A subject goes into headers and rate-limit keys. */
const SUBJECT = /^[\x21-\x7e]{1,255}$/;

export function unauthorized(message: string, cause?: unknown): PlatformError {
  return new PlatformError("unauthorized", message, {
    component: "auth",
    ...(cause === undefined ? {} : { cause }),
    next: "get a new token, or log in again: hanzo-fn login",
  });
}

/** Three base64url parts, the first of which begins a JSON object. */
export function looksLikeJwt(token: string): boolean {
  return /^ey[\w-]+\.[\w-]+\.[\w-]*$/.test(token);
}

/** Not verified: good for choosing the issuer, and for nothing else. */
export function claimedIssuer(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

function reason(error: unknown): string {
  if (error instanceof errors.JWTExpired) return "the token has expired";
  if (error instanceof errors.JWTClaimValidationFailed)
    return `the token's claim ${error.claim} is not acceptable`;
  if (error instanceof errors.JWSSignatureVerificationFailed) return "the token's signature is wrong";
  if (error instanceof errors.JOSEAlgNotAllowed)
    return `the token must be signed by ${ALGORITHMS.join(", ")}`;
  return "the token is not a valid JWT";
}

async function keyFor(token: string, rules: JwtRules): Promise<CryptoKey> {
  const { kid, alg } = decodeProtectedHeader(token);
  if (!ALGORITHMS.some((allowed) => allowed === alg)) {
    throw unauthorized(`the token must be signed by ${ALGORITHMS.join(", ")}`);
  }
  if (typeof kid !== "string" || kid === "") throw unauthorized("the token names no key (kid)");
  const key = await rules.keys(kid, alg ?? "");
  if (!key) throw unauthorized("the token's key is not one that its issuer publishes");
  return key;
}

/** The verified claims; throws `unauthorized`, or `auth_unavailable` where the issuer's keys cannot be had. */
export async function verifyJwt(
  token: string,
  rules: JwtRules,
  nowMs: number,
): Promise<JWTPayload & { readonly sub: string; readonly exp: number }> {
  try {
    const { payload } = await jwtVerify(token, await keyFor(token, rules), {
      algorithms: [...ALGORITHMS],
      issuer: rules.issuer,
      ...(rules.audience === undefined ? {} : { audience: [...rules.audience] }),
      ...(rules.typ === undefined ? {} : { typ: rules.typ }),
      requiredClaims: ["sub", "exp"],
      clockTolerance: TOLERANCE_S,
      currentDate: new Date(nowMs),
    });
    const { sub, exp, tokenType } = payload;
    if (typeof sub !== "string" || !SUBJECT.test(sub))
      throw unauthorized("the token's claim sub is not acceptable");
    if (tokenType !== undefined && tokenType !== "access-token") {
      throw unauthorized("only access tokens are accepted, no refresh or id tokens");
    }
    return { ...payload, sub, exp: exp ?? 0 };
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw unauthorized(reason(error));
  }
}
