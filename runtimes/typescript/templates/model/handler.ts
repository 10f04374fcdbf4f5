import { Context, Response } from "@hanzo/functions";

interface Question {
  text?: unknown;
}

/** Answers the embedding of `text`. */
export async function embed(ctx: Context): Promise<Response> {
  const { text } = ctx.data as Question;
  if (typeof text !== "string" || text === "") return Response.error(400, "text is missing");
  // Loaded once for each instance; later calls find it.
  const model = await ctx.model(process.env["MODEL_NAME"] ?? "");
  const [embedding = new Float32Array()] = await model.encode(text);
  ctx.log.info("embedded", { model: model.name, dimensions: embedding.length });
  return Response.ok({ embedding: [...embedding], dimensions: embedding.length });
}
