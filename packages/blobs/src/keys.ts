import { PlatformError } from "@hanzo-fn/contract";
import type { ByteRange } from "./blobs.ts";

const SEGMENT = /^[a-z0-9._-]+$/;
const MAX_KEY = 512;
const MAX_SEGMENT = 200;

/** Throws `bad_request` where `key` is not segments of `[a-z0-9._-]` between single slashes, or has a dot segment. */
export function checkKey(key: string): void {
  const segments = key.split("/");
  const good =
    key.length <= MAX_KEY &&
    segments.every(
      (segment) =>
        SEGMENT.test(segment) && segment.length <= MAX_SEGMENT && segment !== "." && segment !== "..",
    );
  if (good) return;
  throw new PlatformError("bad_request", `${JSON.stringify(key.slice(0, 100))} is no blob key`, {
    component: "blobs",
  });
}

/** A prefix of keys: as a key, but it may be empty and may end anywhere. */
export function checkPrefix(prefix: string): void {
  if (prefix === "") return;
  checkKey(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
}

export function checkRange(range: ByteRange | undefined): void {
  if (!range) return;
  const { start, end = start } = range;
  if (Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && end >= start) return;
  throw new PlatformError("bad_request", `${range.start}-${range.end ?? ""} is no range of bytes`, {
    component: "blobs",
  });
}

/** Where a function's source archive lies; `sha256` in hex. */
export function sourceKey(org: string, sha256: string): string {
  return checked(`${org}/source/${sha256}`);
}

/** Where an installed dependency layer lies; `hash` of its lock file and runtime, in hex. */
export function layerKey(org: string, hash: string): string {
  return checked(`${org}/layers/${hash}`);
}

function checked(key: string): string {
  checkKey(key);
  return key;
}
