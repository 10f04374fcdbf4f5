import { type Authenticator, type Permission, PERMISSIONS } from "@hanzo-fn/contract";

/** `Bearer <org>` may do everything there, `Bearer <org>/<permission>` that alone. */
export const namedAuthenticator: Authenticator = {
  cached: () => undefined,
  authenticate({ authorization }) {
    if (authorization === undefined) return Promise.resolve(undefined);
    const [org = "", permission] = authorization.replace("Bearer ", "").split("/");
    return Promise.resolve({
      kind: "user",
      org,
      subject: "ann",
      limitKey: "",
      permissions: new Set<Permission>(permission === undefined ? PERMISSIONS : [permission as Permission]),
      expiresAtMs: Number.POSITIVE_INFINITY,
    });
  },
};
