import { PlatformError } from "@hanzo-fn/contract";

const TIMEOUT_MS = 5000;
const MAX_BYTES = 1024 * 1024;

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/**
 * A JSON object from the identity provider. The content type is checked because the provider answers unknown
 * paths with 200 and an HTML page. Throws `auth_unavailable`, which is not cached as a verdict about a token.
 */
export async function fetchJson(
  fetchUrl: typeof fetch,
  url: string,
  init: RequestInit = {},
): Promise<Readonly<Record<string, unknown>>> {
  try {
    const response = await fetchUrl(url, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
    const type = response.headers.get("content-type") ?? "";
    if (!response.ok || !/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
      await response.body?.cancel();
      throw new Error(`answered ${response.status} with content type ${JSON.stringify(type)}`);
    }
    const value: unknown = JSON.parse(await boundedText(response));
    if (typeof value !== "object" || value === null || Array.isArray(value)) throw new Error("not an object");
    return value as Readonly<Record<string, unknown>>;
  } catch (cause) {
    throw new PlatformError("auth_unavailable", "the identity provider cannot be asked at the moment", {
      cause,
      component: "auth",
      next: "check that the identity provider is reachable: hanzo-fn doctor",
      retryAfterSeconds: 5,
    });
  }
}
