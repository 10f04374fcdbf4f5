import { Readable } from "node:stream";
import { PlatformError } from "@hanzo-fn/contract";
import type { Call, Handlers } from "../app.ts";
import type { Control } from "../control.ts";

/** Whatever a function stored there, it is no page of this origin. */
const NO_PAGE = { "x-content-type-options": "nosniff", "content-security-policy": "sandbox" } as const;

/** Objects by signed URLs, for storage that has no service of its own. */
export function objectHandlers({
  signedObject,
}: Control): Pick<Handlers, "getSignedObject" | "putSignedObject"> {
  const serve = async ({ incoming, url, signal }: Call): Promise<Response> => {
    if (signedObject === undefined) {
      throw new PlatformError("not_found", "objects of this platform are in S3, which signs its own URLs", {
        component: "control-plane",
      });
    }
    const method = incoming.method ?? "GET";
    const answer = await signedObject({ method, url: url.href, incoming, signal });
    const body =
      answer.body instanceof Readable ? (Readable.toWeb(answer.body) as ReadableStream) : answer.body;
    return new Response(body ?? null, { status: answer.status, headers: { ...answer.headers, ...NO_PAGE } });
  };
  return { getSignedObject: serve, putSignedObject: serve };
}
