import { createHmac, timingSafeEqual } from "node:crypto";
import { Context, Response } from "@hanzo/functions";

interface WebhookEvent {
  type?: unknown;
}

/** Takes bodies whose HMAC-SHA256 stands in `X-Signature: sha256=<hex>`; answers 401 to others. */
export async function receive(ctx: Context): Promise<Response> {
  if (!isSigned(ctx.body, ctx.headers.get("X-Signature") ?? "")) {
    return Response.error(401, "the signature does not fit");
  }
  const event = ctx.data as WebhookEvent | null;
  if (typeof event?.type !== "string") return Response.error(400, "the event has no type");
  ctx.log.info("event received", { type: event.type });
  return Response.ok({ received: event.type });
}

function isSigned(body: Uint8Array, signature: string): boolean {
  const secret = process.env["WEBHOOK_SECRET"] ?? "";
  if (secret === "") return false;
  const given = Buffer.from(signature);
  const wanted = Buffer.from(`sha256=${createHmac("sha256", secret).update(body).digest("hex")}`);
  // In constant time: how long a comparison takes must not tell how much of a guess is right.
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
