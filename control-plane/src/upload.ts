import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { Busboy } from "@fastify/busboy";
import { PlatformError } from "@hanzo-fn/contract";

export interface UploadLimits {
  readonly maxManifestBytes: number;
  readonly maxArchiveBytes: number;
}

/** Boundaries and part headers on top of manifest and archive. */
const FRAMING_BYTES = 65_536;

export interface Upload<S> {
  readonly manifest: string;
  readonly source: S | undefined;
}

/** Chunks up to the limit; the manifest is the one part that is held in memory. */
async function readText(part: Readable, limit: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of part) {
    size += (chunk as Buffer).length;
    if (size > limit) {
      throw new PlatformError("payload_too_large", `the manifest is larger than ${limit} bytes`, {
        component: "control-plane",
        next: "a function.yaml is a page of text; data belongs into the source",
      });
    }
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** An upload that says itself that it is too large is not read first. */
function checkAnnounced(incoming: IncomingMessage, limits: UploadLimits): void {
  const announced = Number(incoming.headers["content-length"] ?? 0);
  if (announced <= limits.maxArchiveBytes + limits.maxManifestBytes + FRAMING_BYTES) return;
  throw new PlatformError("payload_too_large", `the upload of ${announced} bytes is too large`, {
    component: "control-plane",
    next: `a source archive has at most ${limits.maxArchiveBytes} bytes (limits.max_source_bytes)`,
  });
}

/**
 * Reads `manifest` (or `function.yaml`) and `source` of a multipart body, the source streamed into `readSource`.
 * Throws `bad_request` for any other body, `payload_too_large`, and what `readSource` throws; the source is
 * disposed of then.
 */
export async function readUpload<S extends AsyncDisposable>(
  incoming: IncomingMessage,
  limits: UploadLimits,
  readSource: (stream: Readable) => Promise<S>,
): Promise<Upload<S>> {
  const type = incoming.headers["content-type"] ?? "";
  if (!type.toLowerCase().startsWith("multipart/form-data")) {
    throw new PlatformError("bad_request", "the body is not multipart/form-data", {
      component: "control-plane",
      next: "send the fields `manifest` and `source`, or use hanzo-fn deploy",
    });
  }
  checkAnnounced(incoming, limits);
  let manifest: Promise<string> | undefined;
  let source: Promise<S> | undefined;
  const parts: Readable[] = [];
  return new Promise<Upload<S>>((resolve, reject) => {
    let failed = false;
    const fail = (cause: unknown): void => {
      if (failed) return;
      failed = true;
      incoming.unpipe();
      incoming.resume();
      const error =
        cause instanceof PlatformError
          ? cause
          : new PlatformError("bad_request", "the multipart body is broken or ended early", {
              component: "control-plane",
              cause,
            });
      // Whoever reads a part would wait for its end for ever.
      for (const part of parts) part.destroy(error);
      const discarded = source?.then(
        (read) => read[Symbol.asyncDispose](),
        () => undefined,
      );
      Promise.resolve(discarded).then(
        () => reject(error),
        () => reject(error),
      );
    };
    let parser: InstanceType<typeof Busboy>;
    try {
      parser = new Busboy({
        headers: { ...incoming.headers, "content-type": type },
        isPartAFile: () => true,
        limits: { parts: 8, headerPairs: 20, fileSize: Number.POSITIVE_INFINITY },
      });
    } catch (cause) {
      fail(cause);
      return;
    }
    parser.on("file", (field, part) => {
      // The chunk that was refused may hold more parts.
      if (failed) {
        part.resume();
        return;
      }
      parts.push(part);
      part.on("error", (cause: NodeJS.ErrnoException) => {
        // Its reader left early, and its own error says why.
        if (cause.code !== "ABORT_ERR") fail(cause);
      });
      if ((field === "manifest" || field === "function.yaml") && manifest === undefined) {
        manifest = readText(part, limits.maxManifestBytes);
        manifest.catch(fail);
      } else if (field === "source" && source === undefined) {
        source = readSource(part);
        source.catch(fail);
      } else {
        fail(
          new PlatformError("bad_request", `unexpected or repeated field ${JSON.stringify(field)}`, {
            component: "control-plane",
          }),
        );
      }
    });
    parser.on("error", fail);
    parser.on("finish", () => {
      if (failed) return;
      if (manifest === undefined) {
        fail(
          new PlatformError("bad_request", "the field `manifest` is missing", { component: "control-plane" }),
        );
        return;
      }
      Promise.all([manifest, source]).then(([text, read]) => resolve({ manifest: text, source: read }), fail);
    });
    incoming.once("aborted", () => fail(new Error("the client went away")));
    incoming.once("error", fail);
    incoming.pipe(parser);
  });
}
