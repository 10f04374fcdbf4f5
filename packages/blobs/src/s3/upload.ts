import type { S3Client } from "./client.ts";
import { contentCheck } from "../content-check.ts";
import {
  type Uploaded,
  type UploadOptions,
  type UploadTarget,
  condition,
  unquote,
  uploadParts,
} from "./multipart.ts";
import { type Part, inParts } from "./parts.ts";

/**
 * Sends a source of any length in constant memory (two parts at most): in one request where it is short, else in
 * parts. Nothing is to be seen before the end, and nothing is left where the source fails.
 */
export async function upload(
  client: S3Client,
  target: UploadTarget,
  source: AsyncIterable<Uint8Array> | Uint8Array,
  options: UploadOptions,
): Promise<Uploaded> {
  const check = contentCheck(options);
  const parts = inParts(source, check.take, options.signal);
  const first = (await parts.next()).value as Part;
  if (!first.last) return await uploadParts({ client, target, options, check }, first, parts);
  check.end();
  const { headers } = await client.sendForText({
    method: "PUT",
    ...target,
    headers: { "content-type": options.contentType, ...condition(options) },
    body: first.bytes,
    signal: options.signal,
  });
  return { size: first.bytes.length, etag: unquote(headers.etag) };
}
