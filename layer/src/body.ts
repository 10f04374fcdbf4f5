import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { PlatformError } from "@hanzo-fn/contract";

const unzip = promisify(gunzip);

function tooLarge(maxBytes: number): PlatformError {
  return new PlatformError("payload_too_large", `a body may have ${maxBytes} bytes`, {
    component: "layer",
    next: "send the rows in several requests, or raise layer.max_body",
  });
}

async function bytesOf(incoming: IncomingMessage, maxBytes: number): Promise<Buffer> {
  if (Number(incoming.headers["content-length"] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  const chunks: Buffer[] = [];
  let size = 0;
  // To destroy the request would destroy its connection, and the refusal with it.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    if (size > maxBytes) throw tooLarge(maxBytes);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** The JSON of a request, also where it is compressed by gzip; `maxBytes` holds of both forms. */
export async function readJson(incoming: IncomingMessage, maxBytes: number): Promise<unknown> {
  const sent = await bytesOf(incoming, maxBytes);
  const encoding = incoming.headers["content-encoding"] ?? "identity";
  if (encoding !== "identity" && encoding !== "gzip") {
    throw new PlatformError("validation_error", `the encoding ${encoding} is not taken here; gzip is`, {
      component: "layer",
    });
  }
  try {
    const bytes = encoding === "gzip" ? await unzip(sent, { maxOutputLength: maxBytes }) : sent;
    return JSON.parse(bytes.toString("utf8")) as unknown;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE") throw tooLarge(maxBytes);
    throw new PlatformError("bad_request", "the body is not JSON", { component: "layer", cause });
  }
}
