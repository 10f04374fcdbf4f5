import { setTimeout as sleep } from "node:timers/promises";
import { Context, Response, type ServerSentEvent } from "@hanzo/functions";

interface Question {
  prompt?: unknown;
}

const PAUSE_MS = 30;

/** Answers `prompt` piece by piece, as server-sent events; each goes out as soon as it is there. */
export async function answer(ctx: Context): Promise<Response> {
  const { prompt } = ctx.data as Question;
  if (typeof prompt !== "string" || prompt === "") return Response.error(400, "prompt is missing");
  return Response.sse(events(prompt, ctx.signal));
}

/** One event a token, then one that says how many there were. */
async function* events(prompt: string, signal: AbortSignal): AsyncGenerator<ServerSentEvent> {
  let count = 0;
  for await (const token of tokens(prompt, signal)) {
    count += 1;
    yield { data: { delta: token } };
  }
  yield { event: "done", data: { tokens: count } };
}

/** Call your model here. `signal` aborts when the caller goes away. */
async function* tokens(prompt: string, signal: AbortSignal): AsyncGenerator<string> {
  for (const word of `You asked: ${prompt}`.split(" ")) {
    await sleep(PAUSE_MS, undefined, { signal });
    yield `${word} `;
  }
}
