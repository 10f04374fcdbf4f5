import type { IncomingMessage } from "node:http";
import { Readable } from "node:stream";
import type { Handlers } from "../app.ts";
import type { Control } from "../control.ts";

const HOP_BY_HOP = new Set([
  "connection",
  "keep-alive",
  "transfer-encoding",
  "upgrade",
  "te",
  "trailer",
  "proxy-connection",
]);

/** End-to-end headers as sent, with lower-case names. */
export function sentHeaders({ rawHeaders }: IncomingMessage): [string, string][] {
  const sent: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    if (!HOP_BY_HOP.has(name)) sent.push([name, rawHeaders[i + 1] as string]);
  }
  return sent;
}

/** `POST /v1/functions/{name}/invoke` on :8060: the same phases as on :8061, in process. */
export function invokeHandlers(control: Control): Pick<Handlers, "invokeFunction"> {
  return {
    async invokeFunction(call) {
      const { incoming } = call;
      const revision = incoming.headers["x-function-revision"];
      const answer = await control.invoke(
        {
          org: call.org,
          function: call.params["name"] as string,
          revision: typeof revision === "string" ? revision : undefined,
          query: call.url.search,
          headers: sentHeaders(incoming),
          body: incoming,
          requestId: call.requestId,
        },
        { identity: call.identity, signal: call.signal },
      );
      const headers = new Headers();
      for (const [name, value] of answer.headers)
        if (!HOP_BY_HOP.has(name.toLowerCase())) headers.append(name, value);
      const bodiless = answer.status === 204 || answer.status === 304;
      return new Response(bodiless ? null : (Readable.toWeb(Readable.from(answer.body)) as ReadableStream), {
        status: answer.status,
        headers,
      });
    },
  };
}
