import type { IncomingMessage } from "node:http";
import { Hono } from "hono";
import {
  authorise,
  credentialsOf,
  readBody,
  refusalResponse,
  requestIdOf,
  routeOf,
} from "@hanzo-fn/api-server";
import {
  type Authenticator,
  type Identity,
  type Permission,
  PlatformError,
  toErrorBody,
} from "@hanzo-fn/contract";
import { OPERATIONS, type Operation, type OperationId } from "@hanzo-fn/contract/api";
import type { Logger } from "@hanzo-fn/telemetry";
import type { z } from "zod";

export const COMPONENT = "control-plane";
const MAX_JSON_BYTES = 1 << 20;

/** One authorised call of one operation, validated. */
export interface Call {
  readonly identity: Identity;
  readonly org: string;
  readonly params: Readonly<Record<string, string>>;
  /** Parsed by the operation's query schema. */
  readonly query: unknown;
  /** Parsed by the operation's request schema; undefined where it takes no JSON. */
  readonly body: unknown;
  readonly requestId: string;
  /** The raw request, for bodies that are streamed. */
  readonly incoming: IncomingMessage;
  /** Path and query as sent. */
  readonly url: URL;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

export type Handler = (call: Call) => Promise<Response> | Response;
export type Handlers = { readonly [id in OperationId]: Handler };

export interface AppDependencies {
  readonly authenticator: Authenticator;
  readonly handlers: Handlers;
  readonly log: Logger;
}

interface Env {
  Bindings: { incoming: IncomingMessage };
  Variables: { requestId: string };
}

export function jsonResponse(body: unknown, status = 200): Response {
  return new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json" } });
}

export function errorResponse(error: unknown, requestId: string): Response {
  const body = toErrorBody(error, requestId, COMPONENT);
  return refusalResponse(error, { status: body.code, body, requestId });
}

/** Every problem of a value at once, as `bad_request`. */
export function parseWith<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const details = result.error.issues.map((issue) => ({ path: issue.path.join("."), rule: issue.message }));
  throw new PlatformError(
    "bad_request",
    `${what} is not as the API takes it: ${details[0]?.rule ?? "invalid"}`,
    {
      component: COMPONENT,
      details,
      next: "see /reference for what this operation takes",
    },
  );
}

function queryOf(url: URL): Record<string, string> {
  return Object.fromEntries(url.searchParams);
}

function tooLarge(): PlatformError {
  return new PlatformError("payload_too_large", `a JSON body may have ${MAX_JSON_BYTES} bytes`, {
    component: COMPONENT,
  });
}

async function readJson(incoming: IncomingMessage): Promise<unknown> {
  const bytes = await readBody(incoming, MAX_JSON_BYTES, tooLarge);
  try {
    return JSON.parse(bytes.toString("utf8")) as unknown;
  } catch (cause) {
    throw new PlatformError("bad_request", "the body is not JSON", { component: COMPONENT, cause });
  }
}

type Guarded = Operation & { readonly permission: Permission };

/** A signed URL is its own permission, and the handler's to verify. */
function needsPermission(operation: Operation): operation is Guarded {
  return operation.permission !== "public" && operation.permission !== "signature";
}

/** The last parameter may take the rest of the path. */
function routeOfOperation({ path, rest }: Operation): string {
  return rest === true ? `${routeOf(path)}{.+}` : routeOf(path);
}

function patternOf({ path, rest }: Operation): RegExp {
  const pattern = path.replaceAll(/\{\w+\}/g, "[^/]+");
  return new RegExp(`^${rest === true ? pattern.replace(/\[\^\/\]\+$/, ".+") : pattern}$`);
}

const ANONYMOUS: Identity = {
  kind: "anonymous",
  org: "",
  subject: "",
  limitKey: "",
  permissions: new Set(),
  expiresAtMs: Number.POSITIVE_INFINITY,
};

/** The API of :8060: each operation of the table, authorised and validated, answered by its handler. */
export function createApp({ authenticator, handlers, log }: AppDependencies): Hono<Env> {
  const app = new Hono<Env>();
  const fail = (error: unknown, requestId: string, path: string): Response => {
    const platform = !(error instanceof PlatformError) || error.fault === "platform";
    if (platform) log.error("request failed", { error, request_id: requestId, "http.path": path });
    return errorResponse(error, requestId);
  };
  for (const operation of OPERATIONS as readonly Operation[]) {
    app.on(operation.method, routeOfOperation(operation), async (context) => {
      const requestId = requestIdOf(context.req.header("x-request-id"));
      const url = new URL(context.req.url);
      try {
        const identity = needsPermission(operation)
          ? await authorise(
              authenticator,
              credentialsOf((name) => context.req.header(name)),
              operation.permission,
              COMPONENT,
            )
          : ANONYMOUS;
        const call: Call = {
          identity,
          org: identity.org,
          params: context.req.param() as Record<string, string>,
          query: parseWith(operation.query, queryOf(url), "the query"),
          body:
            operation.request?.kind === "json"
              ? parseWith(operation.request.schema, await readJson(context.env.incoming), "the body")
              : undefined,
          requestId,
          incoming: context.env.incoming,
          url,
          signal: context.req.raw.signal,
        };
        const response = await handlers[operation.id as OperationId](call);
        response.headers.set("x-request-id", requestId);
        return response;
      } catch (error) {
        return fail(error, requestId, url.pathname);
      }
    });
  }
  app.notFound((context) => {
    const requestId = requestIdOf(context.req.header("x-request-id"));
    const path = new URL(context.req.url).pathname;
    const allowed = (OPERATIONS as readonly Operation[])
      .filter((operation) => patternOf(operation).test(path))
      .map((operation) => operation.method);
    if (allowed.length > 0) {
      const response = errorResponse(
        new PlatformError("method_not_allowed", `${path} takes ${allowed.join(", ")}`, {
          component: COMPONENT,
        }),
        requestId,
      );
      response.headers.set("allow", allowed.join(", "));
      return response;
    }
    return errorResponse(
      new PlatformError("not_found", `${path} is not an operation of this API`, {
        component: COMPONENT,
        next: "see /reference",
      }),
      requestId,
    );
  });
  app.onError((error, context) =>
    fail(error, requestIdOf(context.req.header("x-request-id")), context.req.path),
  );
  return app;
}
