import { hash, randomBytes } from "node:crypto";
import { ulid } from "@hanzo-fn/contract";
import { fetchJson } from "./fetch-json.ts";
import type { Claims } from "./organisation.ts";

/** An API key of ours as the store keeps it: never the key, only its hash. */
export interface StoredApiKey {
  readonly id: string;
  readonly org: string;
  readonly permissions: readonly string[];
  /** Milliseconds since the epoch; undefined: until it is deleted. */
  readonly expiresAtMs?: number | undefined;
}

export interface NewApiKey {
  readonly id: string;
  /** Shown once and kept nowhere. */
  readonly key: string;
  readonly hash: string;
}

const PREFIX = "hk-";

/** SHA-256 in hex. A look-up by hash leaks nothing by its timing: the caller cannot steer the hash. */
export function hashApiKey(key: string): string {
  return hash("sha256", key, "hex");
}

/** 256 random bits, so that a plain hash is as good as a slow one. */
export function generateApiKey(nowMs: number = Date.now()): NewApiKey {
  const key = `${PREFIX}${randomBytes(32).toString("base64url")}`;
  return { id: `key_${ulid(nowMs)}`, key, hash: hashApiKey(key) };
}

export function isOwnKey(token: string): boolean {
  return token.startsWith(PREFIX);
}

/** Publishable keys are meant to be public and prove nothing. */
export function isPublishable(token: string): boolean {
  return token.startsWith("pk-") || token.startsWith("pk_");
}

export interface IntrospectionConfig {
  readonly url: string;
  readonly clientId?: string | undefined;
  readonly clientSecret?: string | undefined;
}

/** RFC 7662. The claims of an active token, undefined for any other; throws `auth_unavailable`. */
export async function introspect(
  fetchUrl: typeof fetch,
  config: IntrospectionConfig,
  token: string,
): Promise<Claims | undefined> {
  const basic = [config.clientId ?? "", config.clientSecret ?? ""].map(encodeURIComponent).join(":");
  const claims = await fetchJson(fetchUrl, config.url, {
    method: "POST",
    body: new URLSearchParams({ token, token_type_hint: "access_token" }),
    headers: {
      accept: "application/json",
      ...(config.clientId === undefined
        ? {}
        : { authorization: `Basic ${Buffer.from(basic).toString("base64")}` }),
    },
    // A redirect would carry the key to wherever it points.
    redirect: "error",
  });
  return claims["active"] === true ? claims : undefined;
}
