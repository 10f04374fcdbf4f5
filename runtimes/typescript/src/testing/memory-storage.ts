import { createHash } from "node:crypto";
import { GatewayError } from "../gateway-error.ts";
import type { Storage } from "../gateway/storage.ts";

interface Held {
  readonly bytes: Uint8Array;
  readonly contentType: string;
  readonly etag: string;
  readonly modifiedMs: number;
}

/** `ctx.storage` in memory. A `ref` names the object as it stands; every bucket may be read and written. */
export function createMemoryStorage(now: () => number): Storage {
  const objects = new Map<string, Held>();
  const find = (ref: string): Held => {
    checkRef(ref);
    const held = objects.get(ref);
    if (held === undefined) throw new GatewayError("not_found", 404, `there is no object ${ref}`);
    return held;
  };
  return {
    get: async (ref) => Uint8Array.from(find(ref).bytes),
    open: async (ref, { start, end } = {}) => {
      const part = find(ref).bytes.slice(start ?? 0, end);
      return new ReadableStream<Uint8Array>({
        start(controller) {
          if (part.length > 0) controller.enqueue(part);
          controller.close();
        },
      });
    },
    put: async (ref, data, { contentType = "application/octet-stream" } = {}) => {
      checkRef(ref);
      const bytes = await collect(data);
      const etag = `"${createHash("md5").update(bytes).digest("hex")}"`;
      objects.set(ref, { bytes, contentType, etag, modifiedMs: now() });
      return { key: ref, size: bytes.length, etag };
    },
    head: async (ref) => {
      checkRef(ref);
      const held = objects.get(ref);
      if (held === undefined) return null;
      const { bytes, etag, contentType, modifiedMs } = held;
      return { size: bytes.length, etag, contentType, modified: new Date(modifiedMs).toUTCString() };
    },
    delete: async (ref) => {
      checkRef(ref);
      objects.delete(ref);
    },
    async *list(prefix = "") {
      for (const [key, { bytes, etag, modifiedMs }] of [...objects].toSorted(([a], [b]) =>
        a < b ? -1 : 1,
      )) {
        if (!key.startsWith(prefix)) continue;
        yield { key, size: bytes.length, etag, modified: new Date(modifiedMs).toISOString() };
      }
    },
    presign: async (ref, { method = "GET", expires = 3600 } = {}) => {
      checkRef(ref);
      return `https://storage.test/${encodeURIComponent(ref)}?method=${method}&expires=${expires}`;
    },
  };
}

function checkRef(ref: string): void {
  if (ref === "" || ref.includes("\0") || ref.split("/").includes(".."))
    throw new GatewayError("bad_request", 400, `"${ref}" is no ref of an object`);
}

async function collect(data: string | Uint8Array | AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  if (typeof data === "string") return Buffer.from(data, "utf8");
  if (data instanceof Uint8Array) return Uint8Array.from(data);
  const pieces: Uint8Array[] = [];
  for await (const piece of data) pieces.push(piece);
  return Buffer.concat(pieces);
}
