import type { publicationSchema } from "@hanzo-fn/contract/api";
import type { z } from "zod";
import { type Handlers, jsonResponse } from "../app.ts";
import type { Control } from "../control.ts";

export function publishHandlers(control: Control): Pick<Handlers, "publish"> {
  return {
    async publish(call) {
      const publication = call.body as z.infer<typeof publicationSchema>;
      const { org, requestId, incoming, signal } = call;
      const { traceparent, tracestate } = incoming.headers as Readonly<Record<string, string | undefined>>;
      const origin = { requestId, traceparent, tracestate };
      return jsonResponse({ id: await control.publish(publication, { org, origin }, signal) });
    },
  };
}
