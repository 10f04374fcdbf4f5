import { createHash } from "node:crypto";
import { PlatformError } from "@hanzo-fn/contract";
import { Transform, type Readable } from "node:stream";
import { pipeline } from "node:stream";
import { pullScope } from "./scopes.ts";
import type { Exchange } from "./exchange.ts";

export interface BlobIdentity {
  readonly digest: string;
  /** Bytes. */
  readonly size: number;
}

export async function hasBlob(
  exchange: Exchange,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<boolean> {
  const { status, body } = await exchange(
    {
      method: "HEAD",
      to: `/v2/${repository}/blobs/${digest}`,
      scopes: [pullScope(repository)],
      action: `look for a blob of ${repository}`,
      accept: [200, 404],
    },
    signal,
  );
  body.resume();
  return status === 200;
}

/** The bytes of a blob; the stream fails with `image_untrusted` where they are others than the digest says. Throws `not_found`. */
export async function openBlob(
  exchange: Exchange,
  repository: string,
  blob: BlobIdentity,
  signal: AbortSignal,
): Promise<Readable> {
  const { body } = await exchange(
    {
      method: "GET",
      to: `/v2/${repository}/blobs/${blob.digest}`,
      scopes: [pullScope(repository)],
      action: `read ${blob.digest} of ${repository}`,
      accept: [200],
    },
    signal,
  );
  return pipeline(body, verified(blob, repository), () => {});
}

function verified({ digest, size }: BlobIdentity, repository: string): Transform {
  const hash = createHash("sha256");
  let arrived = 0;
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      arrived += chunk.length;
      hash.update(chunk);
      // More than there should be is not read to its end, which may not come.
      done(arrived > size ? otherBytes(repository, digest) : null, chunk);
    },
    flush(done) {
      const right = arrived === size && `sha256:${hash.digest("hex")}` === digest;
      done(right ? null : otherBytes(repository, digest));
    },
  });
}

export function otherBytes(repository: string, digest: string): PlatformError {
  const message = `the registry gives other bytes than ${digest} for ${repository}`;
  return new PlatformError("image_untrusted", message, {
    component: "oci",
    next: "Look into the registry's storage, and into what lies between it and here; push the image again",
  });
}
