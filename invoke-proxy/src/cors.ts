import type { Cors } from "@hanzo-fn/contract";

/** Whether pages of `origin` may call. */
export function allowsOrigin(cors: Cors, origin: string): boolean {
  return cors.origins.includes("*") || cors.origins.includes(origin);
}

function originHeaders(cors: Cors, origin: string): string[] {
  // `*` never goes with credentials (Fetch standard, 3.3.5), so that a stray pair of settings opens nothing.
  if (cors.origins.includes("*")) return ["Access-Control-Allow-Origin", "*"];
  const headers = ["Access-Control-Allow-Origin", origin, "Vary", "Origin"];
  if (cors.credentials) headers.push("Access-Control-Allow-Credentials", "true");
  return headers;
}

/** Name, value, name, value … for an answer to a page of `origin`; errors too, so that the page can read them. */
export function corsHeaders(cors: Cors, origin: string): readonly string[] {
  if (!allowsOrigin(cors, origin)) return ["Vary", "Origin"];
  const headers = originHeaders(cors, origin);
  if (cors.exposeHeaders.length > 0) {
    headers.push("Access-Control-Expose-Headers", cors.exposeHeaders.join(", "));
  }
  return headers;
}

/** The answer to a preflight (Fetch standard, 4.8); for a foreign origin it allows nothing. */
export function preflightHeaders(cors: Cors, origin: string): readonly string[] {
  if (!allowsOrigin(cors, origin)) return ["Vary", "Origin"];
  const headers = originHeaders(cors, origin);
  headers.push("Access-Control-Allow-Methods", cors.methods.join(", "));
  if (cors.headers.length > 0) headers.push("Access-Control-Allow-Headers", cors.headers.join(", "));
  headers.push("Access-Control-Max-Age", String(cors.maxAgeSeconds));
  return headers;
}
