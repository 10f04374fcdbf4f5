/** Verified claims; their shape is the issuer's, so every field is checked where it is read. */
export type Claims = Readonly<Record<string, unknown>>;

export interface Membership {
  readonly org: string;
  readonly role: string;
}

/** Organisations become part of storage keys and paths: one plain segment, nothing else. */
const ORG = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

export function isOrganisation(value: unknown): value is string {
  return typeof value === "string" && ORG.test(value);
}

/** `orgs` of a token; undefined where the token carries none (gen-1 and machine tokens). */
export function memberships(claims: Claims): readonly Membership[] | undefined {
  const { orgs } = claims;
  if (orgs === undefined || orgs === null) return undefined;
  if (!Array.isArray(orgs)) return [];
  return orgs.flatMap((entry: unknown) => {
    if (typeof entry !== "object" || entry === null) return [];
    const { org, role } = entry as { org?: unknown; role?: unknown };
    return isOrganisation(org) ? [{ org, role: typeof role === "string" ? role : "" }] : [];
  });
}

/**
 * The organisation that a token acts for (HIP-26, HIP-111, HIP-519): one of `orgs`, chosen by `X-Org-Id`, else
 * the first; without `orgs` the owner, where the issuer stamps the user's own (`ownerFallback`).
 * Undefined: there is none, and no default either.
 */
export function effectiveOrganisation(
  claims: Claims,
  selector: string | undefined,
  ownerFallback: boolean,
): string | undefined {
  const members = memberships(claims);
  if (members) return (members.find(({ org }) => org === selector) ?? members[0])?.org;
  if (!ownerFallback) return undefined;
  return [claims["owner"], claims["organization"]].find(isOrganisation);
}
