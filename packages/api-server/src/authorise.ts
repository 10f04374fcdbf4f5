import {
  type Authenticator,
  type Credentials,
  type Identity,
  type Permission,
  PlatformError,
  ulid,
} from "@hanzo-fn/contract";

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;

/** The caller's own id of the request, or a new one. */
export function requestIdOf(header: string | undefined): string {
  return header !== undefined && REQUEST_ID.test(header) ? header : `req_${ulid()}`;
}

export function credentialsOf(header: (name: string) => string | undefined): Credentials {
  return {
    authorization: header("authorization"),
    apiKey: header("x-api-key") ?? header("x-hanzo-key"),
    orgId: header("x-org-id"),
  };
}

/** Who calls, with the permission; throws `unauthorized` or `forbidden`. */
export async function authorise(
  authenticator: Authenticator,
  credentials: Credentials,
  permission: Permission,
  component: string,
): Promise<Identity> {
  const identity = authenticator.cached(credentials) ?? (await authenticator.authenticate(credentials));
  if (identity === undefined) {
    throw new PlatformError("unauthorized", "this operation needs a token or an API key", {
      component,
      next: "hanzo-fn login",
    });
  }
  if (!identity.permissions.has(permission)) {
    throw new PlatformError("forbidden", `this operation needs the permission ${permission}`, {
      component,
      next: "ask an administrator of the organisation for the permission, or use another key",
    });
  }
  return identity;
}
