import { Context, Response } from "@hanzo/functions";

/** What is read of a usage event of the language models' gateway (hanzo.stream.v1). */
interface UsageEvent {
  readonly id: string;
  /** RFC 3339. */
  readonly timestamp: string;
  readonly data: { readonly model: string; readonly total_tokens: number };
}

/** Seconds; longer than an event can come again. */
const KEPT = 7 * 24 * 3600;

/** Takes one usage event. */
export async function watch(ctx: Context): Promise<Response> {
  const event = ctx.data as UsageEvent;
  const { model } = event.data;
  const day = event.timestamp.slice(0, 10);
  const total = await tally(ctx, `tokens:${model}:${day}`, event);
  ctx.log.info("tokens counted", { model, day, total });
  if (total >= Number(process.env["TOKEN_LIMIT"])) await alert(ctx, { model, day, total });
  return Response.ok({ model, total });
}

/** The sum, with this event in it once. A crash between the two writes is the one moment that counts it twice. */
async function tally(ctx: Context, key: string, event: UsageEvent): Promise<number> {
  const seen = `seen:${event.id}`;
  if (await ctx.kv.exists(seen)) return Number(await ctx.kv.get(key));
  const total = await ctx.kv.incr(key, event.data.total_tokens);
  await ctx.kv.set(seen, "1", { ttl: KEPT });
  await ctx.kv.expire(key, KEPT);
  return total;
}

interface Alert {
  readonly model: string;
  readonly day: string;
  readonly total: number;
}

/** Once for each model and day. */
async function alert(ctx: Context, found: Alert): Promise<void> {
  const alerted = `alerted:${found.model}:${found.day}`;
  if (await ctx.kv.exists(alerted)) return;
  await ctx.publish("mq.alerts.tokens", found, { id: alerted });
  await ctx.kv.set(alerted, "1", { ttl: KEPT });
  ctx.log.warn("limit reached", { model: found.model, total: found.total });
}
