import { PlatformError } from "@hanzo-fn/contract";
import type { ListObjectsOptions, ObjectRange } from "./objects.ts";

const BUCKET = /^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/;
const MAX_KEY_BYTES = 1024;
const MAX_SEGMENT_BYTES = 255;
const MAX_PAGE = 1000;
const MAX_EXPIRES = { GET: 24 * 3600, PUT: 3600 } as const;

function refuse(what: string): never {
  throw new PlatformError("bad_request", what, { component: "blobs" });
}

const shown = (text: string): string => JSON.stringify(text.length > 100 ? `${text.slice(0, 100)}…` : text);

// oxlint-disable-next-line no-control-regex -- they are what it is to find
const CONTROL = /[\u0000-\u001f\u007f]/;

export function checkBucket(bucket: string): void {
  if (!BUCKET.test(bucket) || bucket.includes("..")) refuse(`${shown(bucket)} is no name of a bucket`);
}

export function checkObjectKey(key: string): void {
  const good =
    isText(key) &&
    Buffer.byteLength(key) <= MAX_KEY_BYTES &&
    key
      .split("/")
      .every(
        (segment) => segment !== "" && !isDots(segment) && Buffer.byteLength(segment) <= MAX_SEGMENT_BYTES,
      );
  if (!good) refuse(`${shown(key)} is no key of an object`);
}

/** As a key, but it may be empty and may end anywhere. */
export function checkObjectPrefix(prefix: string): void {
  const segments = prefix.split("/");
  const good =
    isText(prefix) &&
    Buffer.byteLength(prefix) <= MAX_KEY_BYTES &&
    segments.every((segment, i) => !isDots(segment) && (segment !== "" || i === segments.length - 1));
  if (!good) refuse(`${shown(prefix)} is no beginning of a key`);
}

const isText = (text: string): boolean => text.isWellFormed() && !CONTROL.test(text);
const isDots = (segment: string): boolean => segment === "." || segment === "..";

export function checkObjectRange(range: ObjectRange | undefined): void {
  if (!range) return;
  const numbers = "suffix" in range ? [range.suffix] : [range.start, range.end ?? range.start];
  const good = numbers.every((n) => Number.isSafeInteger(n) && n >= 0);
  const ordered = "suffix" in range || (range.end ?? range.start) >= range.start;
  if (!good || !ordered) refuse(`${JSON.stringify(range)} is no range of bytes`);
}

/** Which bytes of `size` a checked range means, both inclusive; undefined where it means none. */
export function resolveRange(
  range: ObjectRange,
  size: number,
): { readonly start: number; readonly end: number } | undefined {
  if ("suffix" in range) {
    const start = Math.max(0, size - range.suffix);
    return start < size ? { start, end: size - 1 } : undefined;
  }
  const end = Math.min(range.end ?? size - 1, size - 1);
  return range.start <= end ? { start: range.start, end } : undefined;
}

export interface PageRequest {
  readonly prefix: string;
  /** Only keys after this one. */
  readonly after: string | undefined;
  readonly limit: number;
}

export function pageRequest(options: ListObjectsOptions): PageRequest {
  const { prefix = "", cursor, limit = MAX_PAGE } = options;
  checkObjectPrefix(prefix);
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > MAX_PAGE)
    refuse(`a page has 1 to ${MAX_PAGE} objects`);
  return { prefix, after: cursor === undefined ? undefined : keyOfCursor(cursor), limit };
}

/** A cursor is the last key of its page, so that it outlives that object and any restart. */
export const cursorOf = (key: string): string => Buffer.from(key).toString("base64url");

function keyOfCursor(cursor: string): string {
  const key = Buffer.from(cursor, "base64url").toString();
  if (cursorOf(key) !== cursor) refuse("this cursor is none of ours");
  checkObjectKey(key);
  return key;
}

export function checkExpires(method: "GET" | "PUT", seconds: number): void {
  const most = MAX_EXPIRES[method];
  if (Number.isSafeInteger(seconds) && seconds >= 1 && seconds <= most) return;
  refuse(`a signed URL to ${method} lives 1 to ${most} seconds`);
}

export const DEFAULT_CONTENT_TYPE = "application/octet-stream";

export function checkContentType(type: string): void {
  if (!/^[\x20-\x7e]{1,255}$/.test(type)) refuse(`${shown(type)} is no content type`);
}
