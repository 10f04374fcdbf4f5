import type { IncomingMessage } from "node:http";

/** The body of a request; throws `tooLarge()` as soon as there are more than `maxBytes`, announced or sent. */
export async function readBody(
  incoming: IncomingMessage,
  maxBytes: number,
  tooLarge: () => Error,
): Promise<Buffer> {
  const requireFits = (bytes: number): void => {
    if (!(bytes <= maxBytes)) throw tooLarge();
  };
  requireFits(Number(incoming.headers["content-length"] ?? 0));
  const chunks: Buffer[] = [];
  let size = 0;
  // To destroy the request would destroy its connection, and the refusal with it.
  for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
    size += (chunk as Buffer).length;
    requireFits(size);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}
