import { PlatformError } from "@hanzo-fn/contract";

/** An error as an answer: `body` is the API's own form of it. */
export function refusalResponse(
  error: unknown,
  { status, body, requestId }: { readonly status: number; readonly body: object; readonly requestId: string },
): Response {
  const headers: Record<string, string> = { "content-type": "application/json", "x-request-id": requestId };
  if (status === 401) headers["www-authenticate"] = 'Bearer realm="hanzo-fn"';
  if (error instanceof PlatformError && error.retryAfterSeconds !== undefined) {
    headers["retry-after"] = String(error.retryAfterSeconds);
  }
  return new Response(JSON.stringify(body), { status, headers });
}

/** A path of OpenAPI's form as the router writes it. */
export function routeOf(path: string): string {
  return path.replaceAll(/\{(\w+)\}/g, ":$1");
}
