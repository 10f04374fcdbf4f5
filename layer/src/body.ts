import type { IncomingMessage } from "node:http";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { readBody } from "@hanzo-fn/api-server";
import { PlatformError } from "@hanzo-fn/contract";

const unzip = promisify(gunzip);

function tooLarge(maxBytes: number): PlatformError {
  return new PlatformError("payload_too_large", `a body may have ${maxBytes} bytes`, {
    component: "layer",
    next: "send the rows in several requests, or raise layer.max_body",
  });
}

/** The JSON of a request, also where it is compressed by gzip; `maxBytes` holds of both forms. */
export async function readJson(incoming: IncomingMessage, maxBytes: number): Promise<unknown> {
  const sent = await readBody(incoming, maxBytes, () => tooLarge(maxBytes));
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
