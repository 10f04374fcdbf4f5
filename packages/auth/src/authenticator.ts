import { PlatformError, type Authenticator, type Credentials, type Identity } from "@hanzo-fn/contract";
import { createSingleFlight, type Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import {
  hashApiKey,
  introspect,
  isOwnKey,
  isPublishable,
  type IntrospectionConfig,
  type StoredApiKey,
} from "./api-keys.ts";
import {
  introspectedIdentity,
  platformIdentity,
  storedKeyIdentity,
  userIdentity,
  type IdentityRules,
} from "./identities.ts";
import { PLATFORM_ISSUER } from "./issuers.ts";
import { claimedIssuer, looksLikeJwt, unauthorized, verifyJwt, type JwtRules } from "./jwt.ts";
import { createRemoteKeys } from "./key-source.ts";
import { DEFAULT_ROLE_GRANTS, type RoleGrants } from "./permissions.ts";
import { createVerdictCache, sentToken, verdictKey, type Verdict } from "./verdict-cache.ts";

export interface AuthDependencies {
  readonly clock: Pick<Clock, "now">;
  readonly log: Logger;
  readonly fetch: typeof fetch;
  /** Finds an own API key by the SHA-256 (hex) of the key. */
  readonly findApiKey: (hash: string) => Promise<StoredApiKey | undefined>;
}

export interface RemoteIssuer {
  /** Compared with `iss` exactly. */
  readonly issuer: string;
  /** Base URL of discovery where it is not the issuer itself (`IAM_URL`). */
  readonly endpoint?: string | undefined;
  /** Replaces discovery (`IAM_KEYS_URL`). */
  readonly jwksUrl?: string | undefined;
}

export interface AuthOptions {
  /** Issuers whose tokens count; none: no foreign token counts. */
  readonly issuers: readonly RemoteIssuer[];
  /** Issuers of this process: `createDevIssuer(...).rules`. */
  readonly localIssuers?: readonly JwtRules[] | undefined;
  /** `createPlatformIssuer(...).rules`; absent: no platform tokens. */
  readonly platform?: JwtRules | undefined;
  /** `IAM_AUDIENCE`; checked only where given, and for foreign tokens only. */
  readonly audience?: readonly string[] | undefined;
  /** Whether `owner` of a token without `orgs` is its organisation (right for gen-1 issuers). Default true. */
  readonly ownerFallback?: boolean | undefined;
  readonly roles?: RoleGrants | undefined;
  readonly introspection?: IntrospectionConfig | undefined;
  /** Verdicts kept in memory. Default 10,000. */
  readonly maxCached?: number | undefined;
}

const REFUSAL_TTL_MS = 3000;
const MAX_TOKEN_LENGTH = 16_384;

function issuerTable(deps: AuthDependencies, options: AuthOptions): ReadonlyMap<string, JwtRules> {
  const { audience } = options;
  const remote = options.issuers.map(({ issuer, endpoint = issuer, jwksUrl }): JwtRules => {
    return { issuer, audience, keys: createRemoteKeys(deps, { endpoint, jwksUrl }) };
  });
  const all = [...remote, ...(options.localIssuers ?? [])];
  if (all.some(({ issuer }) => issuer === PLATFORM_ISSUER))
    throw new Error(`the issuer ${PLATFORM_ISSUER} is reserved`);
  return new Map(all.map((rules) => [rules.issuer, rules]));
}

/** Verifies JWTs and API keys (HIP-26, HIP-111, HIP-519). The verdicts are kept by the token's hash. */
export function createAuthenticator(deps: AuthDependencies, options: AuthOptions): Authenticator {
  const { clock } = deps;
  const issuers = issuerTable(deps, options);
  const rules: IdentityRules = {
    ownerFallback: options.ownerFallback ?? true,
    roles: options.roles ?? DEFAULT_ROLE_GRANTS,
  };
  const cache = createVerdictCache(options.maxCached ?? 10_000);
  // Apart, so that a flood of bad tokens does not push good ones out.
  const refusals = createVerdictCache(1000);
  const singleFlight = createSingleFlight<Verdict>();

  const verifyToken = async (token: string, selector: string | undefined): Promise<Identity> => {
    const issuer = claimedIssuer(token);
    if (issuer === PLATFORM_ISSUER && options.platform) {
      return platformIdentity(await verifyJwt(token, options.platform, clock.now()), clock.now());
    }
    const known = issuer === undefined ? undefined : issuers.get(issuer);
    if (!known) throw unauthorized("the token's issuer is not one that this platform accepts");
    return userIdentity(await verifyJwt(token, known, clock.now()), selector, rules, clock.now());
  };

  const verifyKey = async (key: string, selector: string | undefined): Promise<Identity> => {
    if (isPublishable(key)) throw unauthorized("a publishable key (pk-) proves nothing; use a secret key");
    const stored = isOwnKey(key) ? await deps.findApiKey(hashApiKey(key)) : undefined;
    let identity = stored && storedKeyIdentity(stored, clock.now());
    if (!stored && options.introspection) {
      const claims = await introspect(deps.fetch, options.introspection, key);
      identity = claims && introspectedIdentity(claims, selector, rules, clock.now());
    }
    if (!identity) throw unauthorized("the API key is unknown, expired or revoked");
    return identity;
  };

  const verify = async (token: string, selector: string | undefined): Promise<Verdict> => {
    try {
      if (token === "") throw unauthorized("the token is empty");
      if (token.length > MAX_TOKEN_LENGTH) throw unauthorized("the token is too long");
      const identity = await (looksLikeJwt(token) ? verifyToken : verifyKey)(token, selector);
      return { identity, untilMs: identity.expiresAtMs };
    } catch (error) {
      // Only verdicts are kept: an identity provider that is away says nothing about the token.
      if (!(error instanceof PlatformError) || error.status >= 500) throw error;
      return { refusal: error, untilMs: clock.now() + REFUSAL_TTL_MS };
    }
  };

  const decide = async (key: string, token: string, selector: string | undefined): Promise<Verdict> => {
    const known = cache.get(key, clock.now()) ?? refusals.get(key, clock.now());
    if (known) return known;
    return singleFlight(key, async () => {
      const verdict = await verify(token, selector);
      ("identity" in verdict ? cache : refusals).set(key, verdict);
      return verdict;
    });
  };

  return {
    cached(credentials: Credentials) {
      const token = sentToken(credentials);
      if (token === undefined) return undefined;
      const verdict = cache.get(verdictKey(token, credentials.orgId), clock.now());
      return verdict && "identity" in verdict ? verdict.identity : undefined;
    },
    async authenticate(credentials: Credentials) {
      const token = sentToken(credentials);
      if (token === undefined) {
        if (credentials.authorization === undefined) return undefined;
        throw unauthorized("the Authorization header is not of the form `Bearer <token>`");
      }
      const verdict = await decide(verdictKey(token, credentials.orgId), token, credentials.orgId);
      if ("identity" in verdict) return verdict.identity;
      const { code, message, next } = verdict.refusal;
      throw new PlatformError(code, message, { component: "auth", next });
    },
  };
}
