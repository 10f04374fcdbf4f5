import { PlatformError } from "@hanzo-fn/contract";
import { createHmac, timingSafeEqual } from "node:crypto";

export interface SignedTarget {
  readonly method: "GET" | "PUT";
  readonly bucket: string;
  readonly key: string;
}

/** Signed URLs for a store that has no service of its own: whoever serves `baseUrl` verifies them. */
export interface UrlSigner {
  /** `expiresAt` in milliseconds since the epoch. */
  sign(target: SignedTarget, expiresAt: number): string;
  /** What a request to `baseUrl` may do; throws `forbidden`. A HEAD may do what a GET may. */
  verify(method: string, url: string, now: number): SignedTarget;
}

export interface UrlSignerOptions {
  /** Without a slash at its end, for example `http://127.0.0.1:8061/objects`. */
  readonly baseUrl: string;
  readonly secret: Uint8Array;
}

export function createUrlSigner(options: UrlSignerOptions): UrlSigner {
  const base = new URL(options.baseUrl);
  const signature = (target: SignedTarget, expires: string): string =>
    createHmac("sha256", options.secret)
      .update([target.method, target.bucket, target.key, expires].join("\n"))
      .digest("hex");
  return {
    sign(target, expiresAt) {
      const expires = String(Math.floor(expiresAt / 1000));
      const path = [target.bucket, ...target.key.split("/")].map(encodeURIComponent).join("/");
      const query = { method: target.method, expires, signature: signature(target, expires) };
      return `${options.baseUrl}/${path}?${new URLSearchParams(query).toString()}`;
    },
    verify(method, url, now) {
      const { pathname, searchParams } = new URL(url, base);
      const asked = method === "HEAD" ? "GET" : method;
      const expires = searchParams.get("expires") ?? "";
      const target = targetOf(pathname.slice(base.pathname.replace(/\/$/, "").length + 1), asked);
      const good =
        target !== undefined &&
        searchParams.get("method") === asked &&
        same(searchParams.get("signature") ?? "", signature(target, expires)) &&
        Number(expires) * 1000 > now;
      if (good) return target;
      throw new PlatformError("forbidden", "this signed URL is not valid, or is no longer", {
        component: "blobs",
        next: "Ask for a new one.",
      });
    },
  };
}

function targetOf(path: string, method: string): SignedTarget | undefined {
  if (method !== "GET" && method !== "PUT") return undefined;
  try {
    const [bucket = "", ...key] = path.split("/").map(decodeURIComponent);
    return { method, bucket, key: key.join("/") };
  } catch {
    return undefined;
  }
}

function same(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
