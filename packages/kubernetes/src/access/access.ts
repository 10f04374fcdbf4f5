import type { Secret } from "@hanzo-fn/contract";

/** What a request shows of itself. PEM where it is a certificate. */
export interface Credential {
  /** The value of `Authorization`. */
  readonly authorization?: Secret | undefined;
  readonly cert?: string | undefined;
  readonly key?: Secret | undefined;
}

export interface Credentials {
  /** What is valid now; asks a file or a program where that is how one comes by it. */
  current(signal: AbortSignal): Promise<Credential>;
  /** The server refused the last one. True where `current` may give another. */
  renew(): boolean;
}

/** How to reach one API server, and as whom. */
export interface ClusterAccess {
  readonly server: URL;
  /** PEM of the authorities to trust; the system's where there are none. */
  readonly ca?: string | undefined;
  /** The name in the server's certificate, where it is not that of the URL. */
  readonly serverName?: string | undefined;
  readonly skipTlsVerify: boolean;
  /** Where objects go for which no namespace is given. */
  readonly namespace: string;
  /** `Impersonate-…`, as the kubeconfig asks for. */
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly credentials: Credentials;
  /** Where this was read from, for messages. */
  readonly origin: string;
}
