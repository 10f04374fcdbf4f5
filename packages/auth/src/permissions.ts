import { PERMISSIONS, PlatformError, type Identity, type Permission } from "@hanzo-fn/contract";
import { memberships, type Claims } from "./organisation.ts";

/** What a role of `orgs[].role` may do; roles that are not named may do nothing. */
export type RoleGrants = Readonly<Record<string, readonly Permission[]>>;

export const DEFAULT_ROLE_GRANTS: RoleGrants = {
  owner: PERMISSIONS,
  admin: PERMISSIONS,
  member: ["functions:read", "functions:invoke"],
};

/** Built-in actions of the gen-1 issuer, beside the tails of our own verbs. */
const ACTION_GRANTS: ReadonlyMap<string, readonly Permission[]> = new Map<string, readonly Permission[]>([
  ["read", ["functions:read"]],
  ["write", ["functions:deploy", "functions:invoke", "functions:publish"]],
  ["deploy", ["functions:deploy"]],
  ["invoke", ["functions:invoke"]],
  ["publish", ["functions:publish"]],
  ["admin", PERMISSIONS],
]);

/** `functions:deploy` -> itself, `functions:*` -> all, anything else -> nothing. */
export function expandPermission(verb: unknown): readonly Permission[] {
  if (verb === "functions:*") return PERMISSIONS;
  return PERMISSIONS.filter((permission) => permission === verb);
}

function strings(value: unknown): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === "string") : [];
}

function objectVerbs(grant: Claims): readonly Permission[] {
  const named = expandPermission(grant["name"]);
  if (!strings(grant["resources"]).some((resource) => resource === "functions" || resource === "*"))
    return named;
  const acted = strings(grant["actions"]).flatMap((action) => ACTION_GRANTS.get(action.toLowerCase()) ?? []);
  return [...named, ...acted];
}

function objectGrants(claims: Claims, org: string, effect: "Allow" | "Deny"): readonly Permission[] {
  const { permissions } = claims;
  if (!Array.isArray(permissions)) return [];
  return permissions.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const grant = entry as Claims;
    const applies = grant["isEnabled"] !== false && grant["effect"] === effect && grant["owner"] === org;
    return applies ? objectVerbs(grant) : [];
  });
}

function roleGrants(claims: Claims, org: string, roles: RoleGrants): readonly Permission[] {
  return (memberships(claims) ?? [])
    .filter((member) => member.org === org && Object.hasOwn(roles, member.role))
    .flatMap(({ role }) => roles[role] ?? []);
}

/** `isAdmin` means the organisation's administrator in gen-1 tokens only, and only for the owner. */
function adminGrants(claims: Claims, org: string): readonly Permission[] {
  const gen1 = memberships(claims) === undefined;
  return gen1 && claims["isAdmin"] === true && claims["owner"] === org ? PERMISSIONS : [];
}

/** What verified claims allow within `org` (HIP-26, HIP-111, HIP-519). A denial beats every grant. */
export function grantedPermissions(
  claims: Claims,
  org: string,
  roles: RoleGrants = DEFAULT_ROLE_GRANTS,
): ReadonlySet<Permission> {
  const scope = typeof claims["scope"] === "string" ? claims["scope"].split(" ") : [];
  const named = [...scope, ...strings(claims["permissions"]), ...strings(claims["permissionNames"])];
  const granted = new Set([
    ...named.flatMap(expandPermission),
    ...objectGrants(claims, org, "Allow"),
    ...roleGrants(claims, org, roles),
    ...adminGrants(claims, org),
  ]);
  for (const denied of objectGrants(claims, org, "Deny")) granted.delete(denied);
  return granted;
}

/** Throws `unauthorized` without an identity, `forbidden` without the permission. */
export function requirePermission(
  identity: Identity | undefined,
  permission: Permission,
): asserts identity is Identity {
  if (!identity || identity.kind === "anonymous") {
    throw new PlatformError("unauthorized", "this needs a token or an API key", {
      next: "send `Authorization: Bearer <token or API key>`",
    });
  }
  if (identity.permissions.has(permission)) return;
  throw new PlatformError("forbidden", `this needs the permission ${permission}`, {
    next: `ask an administrator of the organisation ${identity.org} for ${permission}`,
  });
}
