/** Permissions (HIP-60 names only `functions:deploy`; the others are ours). Those of `layer` are of the data plane. */
export const PERMISSIONS = [
  "functions:read",
  "functions:deploy",
  "functions:invoke",
  "functions:publish",
  "functions:admin",
  "layer:read",
  "layer:write",
  "layer:work",
  "layer:admin",
] as const;
export type Permission = (typeof PERMISSIONS)[number];

/** Who calls, after verification. */
export interface Identity {
  readonly kind: "user" | "key" | "platform" | "anonymous";
  /** The effective organisation; empty for `anonymous`. */
  readonly org: string;
  /** JWT subject or API key id; empty for `anonymous`. */
  readonly subject: string;
  /** Only of `platform`: the subject on whose behalf it calls. */
  readonly onBehalfOf?: string | undefined;
  /** Key of rate limits: `key:<id>`, `sub:<org>/<subject>`; empty for `anonymous` (the client address is used). */
  readonly limitKey: string;
  readonly permissions: ReadonlySet<Permission>;
  /** Milliseconds since the epoch after which this identity must be verified anew. */
  readonly expiresAtMs: number;
}

/** The credentials of a request, as sent. */
export interface Credentials {
  /** `Authorization` */
  readonly authorization?: string | undefined;
  /** `X-API-Key` or `X-Hanzo-Key` */
  readonly apiKey?: string | undefined;
  /** `X-Org-Id`: selects one of the token's organisations. */
  readonly orgId?: string | undefined;
}

export interface Authenticator {
  /** A cached verdict, or undefined where `authenticate` has to be asked. Never blocks, never throws. */
  cached(credentials: Credentials): Identity | undefined;
  /** Undefined where no credentials were sent; throws `unauthorized` for bad ones, `forbidden` without an organisation. */
  authenticate(credentials: Credentials): Promise<Identity | undefined>;
}
