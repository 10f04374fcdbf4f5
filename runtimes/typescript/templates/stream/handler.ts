import { Context, Response } from "@hanzo/functions";

interface Count {
  views: number;
  /** Of the last event that is counted. */
  offset: number;
}

/** The envelope hanzo.stream.v1. */
interface View {
  readonly data?: { readonly page?: unknown };
}

/** Adds a batch of events to the counts in ctx.kv. */
export async function aggregate(ctx: Context): Promise<Response> {
  if (ctx.batch === null) return Response.error(400, "events come in batches");
  const counts = new Map<string, Count>();
  for (const item of ctx.batch) {
    const page = (item.data as View | null)?.data?.page;
    if (typeof page !== "string") {
      // Failing would hold up its partition, and it would be no better the next time.
      ctx.log.warn("event without a page", { id: item.id });
      continue;
    }
    // The end of the id: partitions are counted at the same time, so each has counts of its own.
    const [partition, offset] = item.id.split(":").slice(-2);
    const key = `views:${page}:${partition}`;
    const count = counts.get(key) ?? (await ctx.kv.getJson<Count>(key)) ?? { views: 0, offset: -1 };
    counts.set(key, added(count, Number(offset)));
  }
  // Count and offset in one value: there is no moment at which only one of them is stored.
  for (const [key, count] of counts) await ctx.kv.set(key, count);
  ctx.log.info("views counted", { events: ctx.batch.length, counts: counts.size });
  return Response.ok({ counts: Object.fromEntries(counts) });
}

/** Offsets of a partition ascend: what is not beyond the last one has been counted. */
function added(count: Count, offset: number): Count {
  return offset > count.offset ? { views: count.views + 1, offset } : count;
}
