import { Context, Response } from "@hanzo/functions";

interface Greeting {
  name?: string;
}

export async function handle(ctx: Context): Promise<Response> {
  const { name = "world" } = ctx.data as Greeting;
  ctx.log.info("greeting", { name });
  return Response.ok({ message: `Hello, ${name}!` });
}
