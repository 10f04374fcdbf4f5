/** `Status` of meta/v1, which the API server answers with when it says no. */
export interface KubeStatus {
  readonly code: number;
  readonly reason?: string;
  readonly message: string;
  readonly details?: {
    readonly name?: string;
    readonly kind?: string;
    readonly group?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly {
      readonly reason?: string;
      readonly message?: string;
      readonly field?: string;
    }[];
  };
}

/** The body of an answer as a Status; proxies in between answer with something else. */
export function readStatus(code: number, body: string): KubeStatus {
  try {
    const parsed = JSON.parse(body) as Partial<KubeStatus> & { readonly kind?: string };
    if (parsed.kind === "Status")
      return { ...parsed, code: parsed.code ?? code, message: parsed.message ?? "" };
  } catch {
    // Text of a proxy, or of the server before it can speak JSON.
  }
  return { code, message: body.trim().slice(0, 500) || `HTTP status ${code}` };
}
