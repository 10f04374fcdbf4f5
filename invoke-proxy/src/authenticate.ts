import {
  PlatformError,
  type Authenticator,
  type Credentials,
  type Identity,
  type Permission,
} from "@hanzo-fn/contract";

/** The verdict about the last credentials of a connection, so that keep-alive clients are not hashed per call. */
export interface IdentityMemo {
  authorization: string | undefined;
  apiKey: string | undefined;
  orgId: string | undefined;
  identity: Identity | undefined;
  untilMs: number;
}

/** Short, so that the authenticator's own rules about expiry and revocation hold to within a second. */
const MEMO_MS = 1000;

export function newIdentityMemo(): IdentityMemo {
  return { authorization: undefined, apiKey: undefined, orgId: undefined, identity: undefined, untilMs: 0 };
}

export const ANONYMOUS: Identity = {
  kind: "anonymous",
  org: "",
  subject: "",
  limitKey: "",
  permissions: new Set(),
  expiresAtMs: Infinity,
};

/** A verified identity without waiting; undefined where `authenticate` must be asked. */
export function cachedIdentity(
  authenticator: Authenticator,
  credentials: Credentials,
  memo: IdentityMemo | undefined,
  nowMs: number,
): Identity | undefined {
  if (
    memo !== undefined &&
    memo.untilMs > nowMs &&
    memo.authorization === credentials.authorization &&
    memo.apiKey === credentials.apiKey &&
    memo.orgId === credentials.orgId
  ) {
    return memo.identity;
  }
  const identity = authenticator.cached(credentials);
  if (memo !== undefined && identity !== undefined) {
    memo.authorization = credentials.authorization;
    memo.apiKey = credentials.apiKey;
    memo.orgId = credentials.orgId;
    memo.identity = identity;
    memo.untilMs = Math.min(nowMs + MEMO_MS, identity.expiresAtMs);
  }
  return identity;
}

export function hasCredentials(credentials: Credentials): boolean {
  return credentials.authorization !== undefined || credentials.apiKey !== undefined;
}

export function unauthenticated(): PlatformError {
  return new PlatformError("unauthorized", "this path needs a token", {
    component: "invoke-proxy",
    next: "send `Authorization: Bearer <token>` or `X-API-Key: <key>`",
  });
}

/** Throws `forbidden` where the identity lacks the permission. */
export function requirePermission(identity: Identity, permission: Permission, functionName: string): void {
  if (identity.permissions.has(permission)) return;
  throw new PlatformError("forbidden", `this needs the permission ${permission}`, {
    component: "invoke-proxy",
    function: functionName,
  });
}
