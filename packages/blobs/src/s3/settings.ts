export interface S3Settings {
  /** `http://host:9000` or `https://…`; buckets are addressed in the path. */
  readonly url: string;
  /** `us-east-1` where not given. */
  readonly region?: string | undefined;
  readonly accessKey: string;
  readonly secretKey: string;
  readonly sessionToken?: string | undefined;
  /** PEM of the authority that signed the service's certificate, where it is none of the machine's. */
  readonly ca?: string | undefined;
  /** Milliseconds that the service may stay silent; 30 s where not given. */
  readonly idleMs?: number | undefined;
}
