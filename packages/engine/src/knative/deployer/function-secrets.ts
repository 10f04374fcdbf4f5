import { PlatformError, type Secret } from "@hanzo-fn/contract";
import type { DesiredRevision, ResolveSecrets } from "../../engine.ts";
import type { SecretObject } from "./kinds.ts";
import { rotation, secretData } from "../secrets.ts";
import type { FunctionWish, RevisionWish } from "../wish.ts";

type Owner = Parameters<ResolveSecrets>[0];

function isMissing(error: unknown): boolean {
  return error instanceof PlatformError && error.code === "missing_secret";
}

/** The values of every secret that the revisions name; those that do not exist are absent. */
export async function resolveKnown(
  resolve: ResolveSecrets,
  { org, function: name }: Owner,
  revisions: readonly DesiredRevision[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Secret>> {
  const names = [...new Set(revisions.flatMap(({ secrets }) => Object.values(secrets)))].toSorted();
  if (names.length === 0) return new Map();
  const owner = { org, function: name };
  try {
    return await resolve(owner, names, signal);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
  const found = new Map<string, Secret>();
  for (const one of names) {
    try {
      for (const [key, value] of await resolve(owner, [one], signal)) found.set(key, value);
    } catch (error) {
      if (!isMissing(error)) throw error;
    }
  }
  return found;
}

/** When the values last changed, and what that was decided from. */
export interface SecretsDecision {
  readonly changedAt: string | undefined;
  readonly version: string | undefined;
  readonly data: string;
}

/**
 * As `rotation`, but once: until the Secret that was sent is seen, the old one is looked at again, and a second time of
 * change would roll the pods twice.
 */
export function decideRotation(
  live: SecretObject | undefined,
  fn: FunctionWish,
  revisions: readonly RevisionWish[],
  before: SecretsDecision | undefined,
  now: Date,
): SecretsDecision {
  const wanted = secretData(fn, revisions);
  const data = JSON.stringify(wanted);
  const version = live?.metadata.resourceVersion;
  if (before !== undefined && before.version === version && before.data === data) return before;
  return { changedAt: rotation(live, wanted, now), version, data };
}
