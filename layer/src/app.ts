import type { IncomingMessage } from "node:http";
import { authorise, credentialsOf, refusalResponse, requestIdOf, routeOf } from "@hanzo-fn/api-server";
import { type Authenticator, PlatformError } from "@hanzo-fn/contract";
import { LAYER_OPERATIONS, type LayerOperation, type LayerOperationId } from "@hanzo-fn/contract/layer";
import type { Logger } from "@hanzo-fn/telemetry";
import { Hono } from "hono";
import { layerRefusal } from "./errors.ts";

/** One authorised call of one operation. */
export interface LayerCall {
  /** Whose data it is about; empty where the operation is public. */
  readonly org: string;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly incoming: IncomingMessage;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** What is answered as JSON. */
export type LayerHandler = (call: LayerCall) => Promise<unknown>;
export type LayerHandlers = { readonly [id in LayerOperationId]: LayerHandler };

export interface LayerAppParts {
  readonly authenticator: Authenticator;
  /** Where given, callers without credentials act for this organisation. */
  readonly openTo?: string | undefined;
  readonly handlers: LayerHandlers;
  readonly log: Logger;
}

interface Env {
  Bindings: { incoming: IncomingMessage };
}

const COMPONENT = "layer";
const hasCredentials = ({ authorization, apiKey }: ReturnType<typeof credentialsOf>): boolean =>
  authorization !== undefined || apiKey !== undefined;

/** The API of :8080: each operation of the table, authorised, answered by its handler. */
export function createLayerApp({ authenticator, openTo, handlers, log }: LayerAppParts): Hono<Env> {
  const app = new Hono<Env>();
  const refuse = (error: unknown, requestId: string, path: string): Response => {
    if (!(error instanceof PlatformError) || error.fault === "platform")
      log.error("request failed", { error, request_id: requestId, "http.path": path });
    const { status, body } = layerRefusal(error, requestId);
    return refusalResponse(error, { status, body, requestId });
  };
  const orgOf = async (
    { permission }: LayerOperation,
    header: (name: string) => string | undefined,
  ): Promise<string> => {
    if (permission === "public") return "";
    const credentials = credentialsOf(header);
    if (openTo !== undefined && !hasCredentials(credentials)) return openTo;
    return (await authorise(authenticator, credentials, permission, COMPONENT)).org;
  };
  for (const operation of LAYER_OPERATIONS as readonly LayerOperation[]) {
    app.on(operation.method, routeOf(operation.path), async (context) => {
      const requestId = requestIdOf(context.req.header("x-request-id"));
      const url = new URL(context.req.url);
      try {
        const org = await orgOf(operation, (name) => context.req.header(name));
        const answer = await handlers[operation.id as LayerOperationId]({
          org,
          params: context.req.param() as Record<string, string>,
          query: url.searchParams,
          incoming: context.env.incoming,
          signal: context.req.raw.signal,
        });
        const headers = { "content-type": "application/json", "x-request-id": requestId };
        return new Response(JSON.stringify(answer), { status: operation.status, headers });
      } catch (error) {
        return refuse(error, requestId, url.pathname);
      }
    });
  }
  app.notFound((context) => {
    const { path } = context.req;
    const error = new PlatformError("not_found", `Layer has no ${context.req.method} ${path}`, {
      component: COMPONENT,
    });
    return refuse(error, requestIdOf(context.req.header("x-request-id")), path);
  });
  return app;
}
