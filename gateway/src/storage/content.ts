import type { IncomingMessage } from "node:http";
import type { ObjectHead, ObjectRange, Objects } from "@hanzo-fn/blobs";
import { type Answer, pieces } from "../call.ts";

/** One range of bytes (RFC 9110, 14.2); what is no such range is as if there were none. */
export function parseRange(header: string | undefined): ObjectRange | undefined {
  const match = /^bytes=(?:(\d{1,15})-(\d{1,15})?|-(\d{1,15}))$/.exec(header?.trim() ?? "");
  if (match === null) return undefined;
  const [, start, end, suffix] = match;
  if (suffix !== undefined) return { suffix: Number(suffix) };
  if (end === undefined) return { start: Number(start) };
  return Number(end) < Number(start) ? undefined : { start: Number(start), end: Number(end) };
}

/** As in the header, so that what `put`, `head` and `list` say can be compared. */
export const quoted = (etag: string): string => `"${etag}"`;

function headers(head: ObjectHead, length: number): Record<string, string> {
  return {
    "content-type": head.contentType,
    "content-length": String(length),
    "last-modified": head.modifiedAt.toUTCString(),
    etag: quoted(head.etag),
    "accept-ranges": "bytes",
  };
}

interface At {
  readonly bucket: string;
  readonly key: string;
}

/** The answer to GET: 200, or 206 where a range was asked for. */
export async function getObject(
  objects: Objects,
  { bucket, key }: At,
  { range: asked, signal }: { readonly range: string | undefined; readonly signal: AbortSignal },
): Promise<Answer> {
  const range = parseRange(asked);
  const content = await objects.get(bucket, key, { range, signal });
  const part = content.range;
  if (part === undefined) return { status: 200, headers: headers(content, content.size), body: content.body };
  const { start, end } = part;
  return {
    status: 206,
    headers: {
      ...headers(content, end - start + 1),
      "content-range": `bytes ${start}-${end}/${content.size}`,
    },
    body: content.body,
  };
}

/** The answer to HEAD; undefined where there is no such object. */
export async function headObject(
  objects: Objects,
  { bucket, key }: At,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  const head = await objects.head(bucket, key, signal);
  return head && { status: 200, headers: headers(head, head.size) };
}

/** Stores the body of a request as it comes; a body that breaks off leaves nothing. */
export async function putObject(
  objects: Objects,
  { bucket, key }: At,
  { request, signal }: { readonly request: IncomingMessage; readonly signal: AbortSignal },
): Promise<{ readonly size: number; readonly etag: string }> {
  const length = request.headers["content-length"];
  return objects.put(bucket, key, pieces(request), {
    contentType: request.headers["content-type"],
    size: length === undefined ? undefined : Number(length),
    signal,
  });
}
