import { hash } from "node:crypto";
import type { Credentials, Identity, PlatformError } from "@hanzo-fn/contract";

/** A verdict about one token: who it is, or why it is refused. */
export type Verdict =
  | { readonly identity: Identity; readonly untilMs: number }
  | { readonly refusal: PlatformError; readonly untilMs: number };

export interface VerdictCache {
  get(key: string, nowMs: number): Verdict | undefined;
  set(key: string, verdict: Verdict): void;
}

/**
 * Bounded in two generations: a full young one becomes the old one, and a hit in the old one moves back.
 * That forgets what was not used lately, and a hit costs one look-up instead of a reordering.
 */
export function createVerdictCache(maxEntries: number): VerdictCache {
  const generation = Math.max(1, Math.floor(maxEntries / 2));
  let young = new Map<string, Verdict>();
  let old = new Map<string, Verdict>();
  const set = (key: string, verdict: Verdict): void => {
    if (young.size >= generation && !young.has(key)) {
      old = young;
      young = new Map();
    }
    young.set(key, verdict);
  };
  return {
    get(key, nowMs) {
      let verdict = young.get(key);
      if (!verdict) {
        verdict = old.get(key);
        if (!verdict) return undefined;
        old.delete(key);
        if (verdict.untilMs > nowMs) set(key, verdict);
      }
      return verdict.untilMs > nowMs ? verdict : undefined;
    },
    set,
  };
}

/** The token of a request: `Authorization: Bearer`, else the key header; undefined where none was sent. */
export function sentToken({ authorization, apiKey }: Credentials): string | undefined {
  if (authorization !== undefined) {
    const token = bearerToken(authorization);
    if (token !== undefined) return token;
  }
  return apiKey === undefined || apiKey === "" ? undefined : apiKey;
}

function bearerToken(authorization: string): string | undefined {
  if (authorization.startsWith("Bearer ")) return authorization.slice(7).trim();
  return /^bearer +(\S+)\s*$/i.exec(authorization)?.[1];
}

/** Never the token itself: its hash, with the organisation selector that the verdict depends on. */
export function verdictKey(token: string, orgId: string | undefined): string {
  const digest = hash("sha256", token, "base64");
  return orgId === undefined ? digest : `${digest} ${orgId}`;
}
