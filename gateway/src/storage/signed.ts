import type { IncomingMessage } from "node:http";
import type { Objects, UrlSigner } from "@hanzo-fn/blobs";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Answer } from "../call.ts";
import { refuse } from "../refuse.ts";
import { getObject, headObject, putObject, quoted } from "./content.ts";

export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly incoming: IncomingMessage;
  readonly signal: AbortSignal;
}

/** Serves URLs that `presign` made for objects on the disk. Throws `forbidden` for any other. */
export function createSignedObjects({
  objects,
  signer,
  clock,
}: {
  readonly objects: Objects;
  readonly signer: UrlSigner;
  readonly clock: Clock;
}): (request: SignedRequest) => Promise<Answer> {
  return async ({ method, url, incoming, signal }) => {
    const target = signer.verify(method, url, clock.now());
    if (target.method === "PUT") {
      const { etag } = await putObject(objects, target, { request: incoming, signal });
      return { status: 200, headers: { etag: quoted(etag) }, body: "" };
    }
    if (method !== "HEAD") return getObject(objects, target, { range: incoming.headers.range, signal });
    const head = await headObject(objects, target, signal);
    if (head === undefined) throw refuse("not_found", `there is no object ${target.key}`);
    return head;
  };
}
