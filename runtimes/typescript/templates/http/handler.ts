import { Context, Response } from "@hanzo/functions";

interface Greeting {
  name?: string;
}

/** Greets whoever the payload names. */
export async function hello(ctx: Context): Promise<Response> {
  const { name = "world" } = ctx.data as Greeting;
  ctx.log.info("greeting", { name });
  return Response.ok({ message: `${process.env["GREETING"] ?? "Hello"}, ${name}!` });
}
