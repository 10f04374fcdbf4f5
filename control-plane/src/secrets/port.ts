import type { Secret } from "@hanzo-fn/contract";

export interface SecretVersion {
  readonly value: Secret;
  /** Changes with the value; says nothing about it. */
  readonly version: string;
}

export interface SecretQuery {
  /** The function that asks: a KMS may keep a secret for it alone. */
  readonly function?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** Where functions' secrets come from. */
export interface SecretSource {
  /** Undefined where there is none; throws `secrets_unavailable` where that cannot be told. */
  get(org: string, name: string, query?: SecretQuery): Promise<SecretVersion | undefined>;
}
