import { createHmac, hash, timingSafeEqual } from "node:crypto";
import { Secret } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { InstanceIdentity } from "./identity.ts";

/** Whose instances may use a token. */
export interface RevisionIdentity extends Pick<InstanceIdentity, "org" | "function" | "revision"> {
  /** By the platform's record, in ms since the epoch: a function that is made anew under its name has other tokens. */
  readonly createdAtMs: number;
}

export interface RevisionTokensParts {
  /** The platform's own; at least 32 bytes, the same in every process and after every start. */
  readonly key: Buffer;
  /** Whether the revision is there, by the platform's own record. */
  readonly exists: (revision: RevisionIdentity) => Promise<boolean>;
  /** Whether the address is known to be that of another organisation's instance, where such a thing can be known. */
  readonly isForeign?: ((org: string, address: string) => boolean) | undefined;
  readonly clock: Clock;
}

/** Tokens for whole revisions, whose instances a cluster starts: nobody hands those one each. */
export interface RevisionTokens {
  /** Always the same for the same revision: nothing is kept of it. */
  tokenFor(revision: RevisionIdentity): Secret;
  /**
   * Whose token it is; undefined where it is none of ours, its revision was deleted more than five seconds ago, or an instance
   * of another organisation has it. `from`, the caller's address, tells its instances apart. Gives the same object for the same caller. Rejects as `exists` does,
   * where it was never answered before.
   */
  find(token: string, from: string): Promise<InstanceIdentity | undefined>;
}

const PREFIX = "hfr_";
const MAC_LENGTH = 43;
/** So that the key may have other uses. */
const PURPOSE = "hanzo-fn gateway, token of a revision, 2";
const KEPT_MS = 5000;
const MAX_KNOWN = 10_000;
const MAX_CALLERS = 4096;

interface Known {
  readonly revision: RevisionIdentity;
  readonly callers: Map<string, InstanceIdentity>;
  checkedAtMs: number;
  exists: boolean;
}

/** Makes room for one more by forgetting the oldest. */
function makeRoom(map: Map<string, unknown>, max: number): void {
  for (const oldest of map.keys()) {
    if (map.size < max) return;
    map.delete(oldest);
  }
}

export function createRevisionTokens({ key, exists, isForeign, clock }: RevisionTokensParts): RevisionTokens {
  if (key.length < 32) throw new RangeError("the key of revisions' tokens has less than 32 bytes");
  const known = new Map<string, Known>();
  const macOf = (payload: string): string =>
    createHmac("sha256", key).update(`${PURPOSE}\0${payload}`).digest("base64url");

  const read = (token: string): RevisionIdentity | undefined => {
    if (!token.startsWith(PREFIX) || token.length <= PREFIX.length + MAC_LENGTH) return undefined;
    const payload = token.slice(PREFIX.length, -MAC_LENGTH);
    const mac = Buffer.from(token.slice(-MAC_LENGTH));
    const right = Buffer.from(macOf(payload));
    if (mac.length !== right.length || !timingSafeEqual(mac, right)) return undefined;
    const [org = "", functionName = "", revision = "", createdAt] = Buffer.from(payload, "base64url")
      .toString()
      .split("\0");
    return { org, function: functionName, revision, createdAtMs: Number(createdAt) };
  };
  const lookUp = (token: string): Known | undefined => {
    // By hash, so that the time of a look-up tells nothing about a token.
    const digest = hash("sha256", token, "base64");
    const before = known.get(digest);
    if (before !== undefined) return before;
    const revision = read(token);
    if (revision === undefined) return undefined;
    makeRoom(known, MAX_KNOWN);
    const made: Known = { revision, callers: new Map(), checkedAtMs: -Infinity, exists: false };
    known.set(digest, made);
    return made;
  };
  const check = async (entry: Known): Promise<boolean> => {
    const now = clock.monotonic();
    if (now - entry.checkedAtMs < KEPT_MS) return entry.exists;
    try {
      entry.exists = await exists(entry.revision);
      entry.checkedAtMs = now;
    } catch (error) {
      // While the record cannot be read nothing can be deleted from it either.
      if (!entry.exists) throw error;
    }
    return entry.exists;
  };

  return {
    tokenFor(revision) {
      const { org, function: functionName, revision: name, createdAtMs } = revision;
      const text = [org, functionName, name, createdAtMs].join("\0");
      const payload = Buffer.from(text).toString("base64url");
      return new Secret(`${PREFIX}${payload}${macOf(payload)}`);
    },
    async find(token, from) {
      const entry = lookUp(token);
      if (entry === undefined || !(await check(entry))) return undefined;
      if (isForeign?.(entry.revision.org, from) === true) return undefined;
      const before = entry.callers.get(from);
      if (before !== undefined) return before;
      makeRoom(entry.callers, MAX_CALLERS);
      const { org, function: functionName, revision } = entry.revision;
      const identity = { org, function: functionName, revision, instance: `${revision}@${from}` };
      entry.callers.set(from, identity);
      return identity;
    },
  };
}
