import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import type { InstanceIdentity } from "./identity.ts";

export interface Tokens {
  /** A new token; `revoke` ends it at once. Nothing of it is kept but its hash, and that in memory only. */
  issue(identity: InstanceIdentity): { readonly token: string; revoke(): void };
  /** Whose token it is; undefined where it never was one, or its instance has ended. */
  find(token: string): InstanceIdentity | undefined;
  readonly size: number;
}

const PREFIX = "hfi_";
const RANDOM_BYTES = 32;

const digestOf = (token: string): Buffer => createHash("sha256").update(token).digest();

/** Tokens of running instances. Looked up by hash, so that the time of a look-up tells nothing about a token. */
export function createTokens(): Tokens {
  const known = new Map<string, { readonly digest: Buffer; readonly identity: InstanceIdentity }>();
  return {
    issue(identity) {
      const token = PREFIX + randomBytes(RANDOM_BYTES).toString("base64url");
      const digest = digestOf(token);
      const key = digest.toString("base64");
      known.set(key, { digest, identity });
      return { token, revoke: () => void known.delete(key) };
    },
    find(token) {
      const digest = digestOf(token);
      const entry = known.get(digest.toString("base64"));
      return entry !== undefined && timingSafeEqual(entry.digest, digest) ? entry.identity : undefined;
    },
    get size() {
      return known.size;
    },
  };
}
