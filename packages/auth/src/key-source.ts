import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { importJWK, type CryptoKey, type JWK } from "jose";
import { fetchJson } from "./fetch-json.ts";

/** Symmetric algorithms and `none` are no signatures of an issuer. */
export const ALGORITHMS = ["RS256", "RS512", "ES256", "ES384", "ES512"] as const;

/** Finds the public key that an issuer publishes under `kid`; undefined where there is none. */
export type KeySource = (kid: string, alg: string) => Promise<CryptoKey | undefined>;

const FRESH_MS = 3_600_000;
const REFETCH_MS = 30_000;
/** While no keys are known at all, a dead issuer is asked once a second and not once a request. */
const RETRY_MS = 1000;
/** Old keys serve on while the issuer is away, but not for ever: a withdrawn key has to die some time. */
const STALE_MS = 6 * 3_600_000;

interface KeySet {
  readonly keys: ReadonlyMap<string, JWK>;
  readonly imported: Map<string, Promise<CryptoKey>>;
  readonly fetchedAtMs: number;
}

function indexKeys(keys: unknown, nowMs: number): KeySet {
  const usable = (Array.isArray(keys) ? keys : []).filter(
    (key: JWK) =>
      typeof key?.kid === "string" &&
      (key.kty === "RSA" || key.kty === "EC") &&
      (key.use === undefined || key.use === "sig"),
  ) as JWK[];
  const byId = new Map(usable.map((key) => [key.kid ?? "", key]));
  return { keys: byId, imported: new Map(), fetchedAtMs: nowMs };
}

async function keyOf(set: KeySet, kid: string, alg: string): Promise<CryptoKey | undefined> {
  const jwk = set.keys.get(kid);
  if (!jwk || (jwk.alg !== undefined && jwk.alg !== alg)) return undefined;
  const id = `${alg} ${kid}`;
  let key = set.imported.get(id);
  if (!key) {
    key = importJWK({ ...jwk, alg }, alg) as Promise<CryptoKey>;
    set.imported.set(id, key);
  }
  // A key that does not fit the algorithm is no key for this token.
  return key.catch(() => undefined);
}

/** Keys that are in this process. */
export function localKeys(jwks: { readonly keys: readonly JWK[] }): KeySource {
  const set = indexKeys(jwks.keys, 0);
  return (kid, alg) => keyOf(set, kid, alg);
}

export interface RemoteKeysConfig {
  /** The issuer's base URL; discovery is below it. */
  readonly endpoint: string;
  /** Used instead of discovery's `jwks_uri`. */
  readonly jwksUrl?: string | undefined;
}

async function discover(fetchUrl: typeof fetch, endpoint: string): Promise<string> {
  const base = endpoint.replace(/\/+$/, "");
  const document = await fetchJson(fetchUrl, `${base}/.well-known/openid-configuration`);
  const uri = document["jwks_uri"];
  const wanted = base.startsWith("https:") ? /^https:\/\// : /^https?:\/\//;
  if (typeof uri === "string" && wanted.test(uri)) return uri;
  throw new PlatformError("auth_unavailable", "the identity provider names no usable jwks_uri", {
    component: "auth",
    retryAfterSeconds: 30,
  });
}

/** The issuer's JWKS, kept for an hour; an unknown `kid` asks again, at most every 30 s. */
export function createRemoteKeys(
  deps: { readonly fetch: typeof fetch; readonly clock: Pick<Clock, "now">; readonly log: Logger },
  config: RemoteKeysConfig,
): KeySource {
  let current: KeySet | undefined;
  let running: Promise<KeySet> | undefined;
  let lastTryMs = -Infinity;
  let lastFailure: unknown;

  const load = async (): Promise<KeySet> => {
    try {
      const url = config.jwksUrl ?? (await discover(deps.fetch, config.endpoint));
      const { keys } = await fetchJson(deps.fetch, url, { headers: { accept: "application/json" } });
      current = indexKeys(keys, deps.clock.now());
      lastFailure = undefined;
      return current;
    } catch (error) {
      lastFailure = error;
      throw error;
    } finally {
      running = undefined;
    }
  };

  /** Joins the fetch that runs; starts none within `everyMs` of the last one. */
  const refresh = (everyMs: number): Promise<KeySet> | undefined => {
    if (running) return running;
    const now = deps.clock.now();
    if (now - lastTryMs < everyMs) return undefined;
    lastTryMs = now;
    running = load();
    return running;
  };

  const first = async (): Promise<KeySet> => {
    const set = await refresh(RETRY_MS);
    if (set) return set;
    throw lastFailure;
  };

  const refreshOrStale = async (old: KeySet): Promise<KeySet> => {
    const ageMs = deps.clock.now() - old.fetchedAtMs;
    if (ageMs > STALE_MS) return first();
    try {
      return (await refresh(REFETCH_MS)) ?? old;
    } catch (error) {
      deps.log.warn("the issuer's keys could not be refreshed; the old ones serve on", {
        issuer: config.endpoint,
        error: String((error as Error).cause ?? error),
      });
      return old;
    }
  };

  return async (kid, alg) => {
    const known = current ?? (await first());
    const good = known.keys.has(kid) && deps.clock.now() - known.fetchedAtMs < FRESH_MS;
    return keyOf(good ? known : await refreshOrStale(known), kid, alg);
  };
}
