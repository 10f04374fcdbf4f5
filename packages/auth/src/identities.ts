import { PlatformError, type Identity, type Permission } from "@hanzo-fn/contract";
import type { StoredApiKey } from "./api-keys.ts";
import { effectiveOrganisation, isOrganisation, type Claims } from "./organisation.ts";
import { expandPermission, grantedPermissions, type RoleGrants } from "./permissions.ts";

/** A verified token serves for at most this long before it is verified anew. */
export const TOKEN_TTL_MS = 60_000;
/** An introspected API key may serve longer: asking costs a request to the identity provider. */
export const INTROSPECTION_TTL_MS = 300_000;

export interface IdentityRules {
  readonly ownerFallback: boolean;
  readonly roles: RoleGrants;
}

function organisation(claims: Claims, selector: string | undefined, rules: IdentityRules): string {
  const org = effectiveOrganisation(claims, selector, rules.ownerFallback);
  if (org !== undefined) return org;
  throw new PlatformError("forbidden", "the token belongs to no organisation", {
    component: "auth",
    next: "use a token whose claims carry orgs (or owner, where auth.owner_fallback is on)",
  });
}

function expiry(nowMs: number, ttlMs: number, exp: unknown): number {
  return typeof exp === "number" ? Math.min(nowMs + ttlMs, exp * 1000) : nowMs + ttlMs;
}

export function userIdentity(
  claims: Claims & { readonly sub: string },
  selector: string | undefined,
  rules: IdentityRules,
  nowMs: number,
): Identity {
  const org = organisation(claims, selector, rules);
  return {
    kind: "user",
    org,
    subject: claims.sub,
    limitKey: `sub:${org}/${claims.sub}`,
    permissions: grantedPermissions(claims, org, rules.roles),
    expiresAtMs: expiry(nowMs, TOKEN_TTL_MS, claims["exp"]),
  };
}

export function platformIdentity(claims: Claims & { readonly sub: string }, nowMs: number): Identity {
  const org = organisation(claims, undefined, { ownerFallback: false, roles: {} });
  return {
    kind: "platform",
    org,
    subject: claims.sub,
    limitKey: `platform:${org}`,
    permissions: new Set<Permission>(["functions:invoke"]),
    expiresAtMs: expiry(nowMs, TOKEN_TTL_MS, claims["exp"]),
  };
}

/** An own key; undefined where it is no longer good. */
export function storedKeyIdentity(key: StoredApiKey, nowMs: number): Identity | undefined {
  const end = key.expiresAtMs ?? Infinity;
  if (end <= nowMs || !isOrganisation(key.org)) return undefined;
  return {
    kind: "key",
    org: key.org,
    subject: key.id,
    limitKey: `key:${key.id}`,
    permissions: new Set(key.permissions.flatMap(expandPermission)),
    expiresAtMs: Math.min(nowMs + TOKEN_TTL_MS, end),
  };
}

/** A key that the identity provider knows: the owner of its row is the organisation. */
export function introspectedIdentity(
  claims: Claims,
  selector: string | undefined,
  rules: IdentityRules,
  nowMs: number,
): Identity | undefined {
  const { exp } = claims;
  if (typeof exp === "number" && exp * 1000 <= nowMs) return undefined;
  const id = [claims["jti"], claims["sub"], claims["client_id"]].find(
    (value) => typeof value === "string" && /^[\x21-\x7e]{1,255}$/.test(value),
  );
  if (typeof id !== "string") return undefined;
  const org = organisation(claims, selector, { ...rules, ownerFallback: true });
  return {
    kind: "key",
    org,
    subject: id,
    limitKey: `key:${org}/${id}`,
    permissions: grantedPermissions(claims, org, rules.roles),
    expiresAtMs: expiry(nowMs, INTROSPECTION_TTL_MS, exp),
  };
}
