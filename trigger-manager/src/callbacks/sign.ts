import { createHmac } from "node:crypto";

/** The key of one organisation: who knows it can check what was posted to that organisation, and to no other. */
export function callbackKey(platformKey: Buffer, org: string): string {
  return createHmac("sha256", platformKey).update(`hanzo-fn/callback/${org}`).digest("hex");
}

/**
 * The value of `X-Function-Signature`. The time is signed as well, so that a receiver can refuse what was recorded
 * and sent again.
 * @param key of the organisation, as the API shows it
 */
export function signCallback(key: string, body: Uint8Array, nowMs: number): string {
  const seconds = Math.floor(nowMs / 1000);
  const signature = createHmac("sha256", key).update(`${seconds}.`).update(body).digest("hex");
  return `t=${seconds},v1=${signature}`;
}
