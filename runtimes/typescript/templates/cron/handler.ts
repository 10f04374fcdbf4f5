import { Context, Response } from "@hanzo/functions";

interface Payload {
  readonly regions?: unknown;
}

/** Seconds. */
const KEPT = 30 * 24 * 3600;

/** Writes the report of a scheduled time, once however often it is run. */
export async function report(ctx: Context): Promise<Response> {
  const { regions } = ctx.data as Payload;
  if (!Array.isArray(regions)) return Response.error(400, "the payload has no regions");
  // When the run was due, not when it runs: later attempts and runs that are made up for have the same name.
  const due = ctx.trigger.timestamp;
  const counted = regions.map(async (region: string): Promise<[string, number]> => {
    return [region, Number((await ctx.kv.get(`orders:${region}`)) ?? 0)];
  });
  const orders = Object.fromEntries(await Promise.all(counted));
  const isNew = await ctx.kv.set(`report:${due}`, orders, { ttl: KEPT, nx: true });
  ctx.log.info(isNew ? "report written" : "report was there", { due, orders });
  return Response.ok({ due, new: isNew });
}
