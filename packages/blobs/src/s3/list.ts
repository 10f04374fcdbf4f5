import type { S3Client } from "./client.ts";
import { unquote } from "./multipart.ts";
import { elements, textOf } from "./xml.ts";

export interface ListedObject {
  readonly key: string;
  readonly size: number;
  readonly etag: string;
  readonly modifiedAt: Date;
}

export interface ListPage {
  readonly objects: readonly ListedObject[];
  /** Where the next page begins; undefined at the end. */
  readonly after?: string | undefined;
}

export async function listPage(
  client: S3Client,
  bucket: string,
  options: {
    readonly prefix: string;
    readonly after?: string | undefined;
    readonly limit?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<ListPage> {
  const { text } = await client.sendForText({
    method: "GET",
    bucket,
    query: {
      "list-type": "2",
      // XML cannot carry every character of a key.
      "encoding-type": "url",
      prefix: options.prefix,
      ...(options.after === undefined ? {} : { "start-after": options.after }),
      ...(options.limit === undefined ? {} : { "max-keys": String(options.limit) }),
    },
    signal: options.signal,
  });
  const encoded = textOf(text, "EncodingType") === "url";
  const objects = elements(text, "Contents").map((content) => {
    const key = textOf(content, "Key") ?? "";
    return {
      key: encoded ? decodeURIComponent(key.replaceAll("+", " ")) : key,
      size: Number(textOf(content, "Size")),
      etag: unquote(textOf(content, "ETag")),
      modifiedAt: new Date(textOf(content, "LastModified") ?? 0),
    };
  });
  const more = textOf(text, "IsTruncated") === "true" && objects.length > 0;
  return { objects, ...(more ? { after: objects.at(-1)!.key } : {}) };
}
