import { ulid, type Permission } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { JwtRules } from "./jwt.ts";
import { createSigner, type KeyStorage, type Signer } from "./signer.ts";

/** `iss` of tokens for people and scripts that the embedded default issues itself. */
export const DEV_ISSUER = "urn:hanzo-fn:local";
/** `iss` of tokens that planes show each other. No configured issuer may carry it. */
export const PLATFORM_ISSUER = "urn:hanzo-fn:platform";
const PLATFORM_AUDIENCE = "urn:hanzo-fn:invoke-proxy";
const PLATFORM_TYP = "hanzo-fn-platform+jwt";
const DAY_MS = 86_400_000;

export interface IssueOptions {
  readonly org: string;
  readonly subject: string;
  readonly permissions: readonly (Permission | "functions:*")[];
  readonly ttlMs?: number | undefined;
}

export interface DevIssuer {
  readonly issuer: string;
  readonly jwks: Signer["jwks"];
  readonly rules: JwtRules;
  issue(options: IssueOptions): Promise<string>;
}

interface IssuerDependencies extends KeyStorage {
  readonly clock: Pick<Clock, "now">;
}

/** Whole seconds, and never longer than asked for. */
function lifetime(nowMs: number, ttlMs: number): { iat: number; nbf: number; exp: number } {
  const now = Math.floor(nowMs / 1000);
  return { iat: now, nbf: now, exp: Math.max(now + 1, Math.floor((nowMs + ttlMs) / 1000)) };
}

/** The embedded default's own issuer. `ttlMs` defaults to a day. */
export async function createDevIssuer(deps: IssuerDependencies): Promise<DevIssuer> {
  const signer = await createSigner(deps, deps.clock.now());
  return {
    issuer: DEV_ISSUER,
    jwks: signer.jwks,
    rules: { issuer: DEV_ISSUER, keys: signer.keys },
    issue: ({ org, subject, permissions, ttlMs = DAY_MS }) =>
      signer.sign(
        {
          iss: DEV_ISSUER,
          sub: subject,
          jti: ulid(deps.clock.now()),
          orgs: [{ org }],
          permissions,
          tokenType: "access-token",
          ...lifetime(deps.clock.now(), ttlMs),
        },
        "at+jwt",
      ),
  };
}

export interface PlatformIssuer {
  readonly rules: JwtRules;
  /** Bound to one organisation, allows `functions:invoke` in it and nothing else. `ttlMs` defaults to a minute. */
  createPlatformToken(options: {
    readonly org: string;
    readonly ttlMs?: number | undefined;
  }): Promise<string>;
}

/**
 * Tokens for the event plane. Issuer, audience and `typ` are all its own and the key is its own storage's, so
 * that no user token passes for one. Planes in several processes share the storage.
 */
export async function createPlatformIssuer(deps: IssuerDependencies): Promise<PlatformIssuer> {
  const signer = await createSigner(deps, deps.clock.now());
  return {
    rules: {
      issuer: PLATFORM_ISSUER,
      keys: signer.keys,
      audience: [PLATFORM_AUDIENCE],
      typ: PLATFORM_TYP,
    },
    createPlatformToken: ({ org, ttlMs = 60_000 }) =>
      signer.sign(
        {
          iss: PLATFORM_ISSUER,
          aud: PLATFORM_AUDIENCE,
          sub: "events",
          orgs: [{ org }],
          ...lifetime(deps.clock.now(), ttlMs),
        },
        PLATFORM_TYP,
      ),
  };
}
