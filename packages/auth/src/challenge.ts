import type { PlatformError } from "@hanzo-fn/contract";

/** The value of `WWW-Authenticate` for a 401 or 403 (RFC 6750, section 3); `sent`: whether credentials came. */
export function challenge(error: PlatformError, sent: boolean): string {
  const realm = 'Bearer realm="hanzo-fn"';
  if (!sent) return realm;
  const kind = error.code === "forbidden" ? "insufficient_scope" : "invalid_token";
  const text = error.message.replaceAll(/[^\x20\x21\x23-\x5b\x5d-\x7e]/g, "'");
  return `${realm}, error="${kind}", error_description="${text}"`;
}
