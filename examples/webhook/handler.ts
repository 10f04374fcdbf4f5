import { createHmac, timingSafeEqual } from "node:crypto";
import { Context, Response } from "@hanzo/functions";

interface WebhookPayload {
  text?: unknown;
}

type Intent = "support" | "billing" | "sales" | "other";

const RULES: ReadonlyArray<readonly [Intent, RegExp]> = [
  ["billing", /\b(invoice|refund|charged?|payment|receipt)\b/i],
  ["support", /\b(help|broken|error|bug|crash(es|ed)?|cannot|can't|not working)\b/i],
  ["sales", /\b(price|pricing|quote|demo|trial|buy)\b/i],
];

export async function webhook(ctx: Context): Promise<Response> {
  const secret = process.env["WEBHOOK_SECRET"];
  if (secret && !signed(ctx, secret)) return Response.error(401, "the signature does not fit");
  const event = ctx.data as WebhookPayload | null;
  if (typeof event?.text !== "string") return Response.error(400, "the event has no text");
  const intent = classify(event.text);
  ctx.log.info("webhook routed", { intent });
  return Response.ok({ routed: true, intent });
}

function classify(text: string): Intent {
  return RULES.find(([, pattern]) => pattern.test(text))?.[0] ?? "other";
}

/** `X-Signature: sha256=<hex HMAC of the raw body>` */
function signed(ctx: Context, secret: string): boolean {
  const given = Buffer.from(ctx.headers.get("X-Signature") ?? "");
  const wanted = Buffer.from(`sha256=${createHmac("sha256", secret).update(ctx.body).digest("hex")}`);
  return given.length === wanted.length && timingSafeEqual(given, wanted);
}
