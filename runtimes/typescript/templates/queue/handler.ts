import { type BatchItem, type BatchResult, Context, Response } from "@hanzo/functions";

interface Order {
  readonly order: string;
  readonly sku: string;
  readonly quantity: number;
}

/** Seconds; longer than a message can come again. */
const REMEMBERED = 7 * 24 * 3600;

/** What is thrown, as where the broker is away, fails the whole batch: it comes again, and what is done is skipped. */
export async function fulfil(ctx: Context): Promise<Response> {
  if (ctx.batch === null) return Response.error(400, "orders come in batches");
  return Response.batch(await Promise.all(ctx.batch.map((item) => fulfilOne(ctx, item))));
}

async function fulfilOne(ctx: Context, item: BatchItem): Promise<BatchResult> {
  const order = item.data;
  if (!isOrder(order)) {
    ctx.log.warn("order refused", { id: item.id });
    // It would fail again: a dead letter at once.
    return failed(item, "permanent", "an order has the texts order and sku, and a quantity");
  }
  // It comes again, later each time, until its attempts are spent.
  if (await ctx.kv.exists(`hold:${order.sku}`)) return failed(item, "transient", `${order.sku} is on hold`);
  const done = `done:${item.id}`;
  if (!(await ctx.kv.exists(done))) {
    // Should this call end before the next line, the broker drops what the next attempt sends, by its id.
    await ctx.publish("mq.shipping.request", order, { id: `ship:${item.id}` });
    await ctx.kv.set(done, order.order, { ttl: REMEMBERED });
    ctx.log.info("order fulfilled", { order: order.order, attempt: item.attempt });
  }
  return { id: item.id };
}

function isOrder(data: unknown): data is Order {
  const { order, sku, quantity } = (data ?? {}) as Partial<Record<keyof Order, unknown>>;
  return typeof order === "string" && typeof sku === "string" && Number.isInteger(quantity);
}

function failed(item: BatchItem, kind: "transient" | "permanent", message: string): BatchResult {
  return { id: item.id, error: { kind, message } };
}
