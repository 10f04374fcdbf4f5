import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { PlatformError, ulid } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { errorAnswer, send } from "./answer.ts";
import type { Answer, Kind, Route } from "./call.ts";
import type { InstanceIdentity } from "./identity.ts";
import type { GatewayMetrics } from "./metrics.ts";
import { refuse } from "./refuse.ts";
import { createShares, SHARES } from "./shares.ts";
import type { RevisionTokens } from "./revision-tokens.ts";
import type { Tokens } from "./tokens.ts";

export interface DispatchParts {
  readonly routes: readonly Route[];
  readonly tokens: Tokens;
  /** Of instances that a cluster starts. */
  readonly revisionTokens: Pick<RevisionTokens, "find"> | undefined;
  readonly metrics: GatewayMetrics;
  readonly clock: Clock;
  readonly log: Logger;
}

const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/;
const BEARER = /^Bearer +([A-Za-z0-9_-]{1,512}) *$/i;
const TRACE = /^[0-9a-f]{2}-([0-9a-f]{32})-/;

function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers["x-request-id"];
  return typeof given === "string" && REQUEST_ID.test(given) ? given : `req_${ulid()}`;
}

function routeOf(routes: readonly Route[], method: string | undefined, path: string): Route {
  const ofPath = routes.filter((route) =>
    typeof route.path === "string" ? route.path === path : route.path.test(path),
  );
  const found = ofPath.find((route) => route.method === method);
  if (found !== undefined) return found;
  if (ofPath.length === 0) throw refuse("not_found", "the gateway has no such path");
  const methods = ofPath.map((route) => route.method).join(", ");
  throw refuse("method_not_allowed", `${path} takes ${methods}`);
}

function urlOf({ url = "" }: IncomingMessage): URL {
  const target =
    url.startsWith("/") && URL.canParse(`http://gateway${url}`) ? new URL(`http://gateway${url}`) : undefined;
  if (target === undefined) throw refuse("bad_request", "the request has no valid target");
  return target;
}

/** Aborts when the connection closes before the answer is complete. */
function callerGone(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  const onClose = (): void => {
    if (!response.writableFinished) gone.abort(new PlatformError("client_closed", "the caller has gone"));
  };
  if (response.closed) onClose();
  else response.once("close", onClose);
  return gone.signal;
}

/** Every call: token, route, handler, answer, count. */
export function createDispatch(parts: DispatchParts): RequestListener {
  const { routes, tokens, revisionTokens, metrics, clock, log } = parts;
  const shares = createShares(SHARES);

  const identify = async (request: IncomingMessage): Promise<InstanceIdentity> => {
    const token = BEARER.exec(request.headers.authorization ?? "")?.[1];
    if (token !== undefined) {
      const from = request.socket.remoteAddress ?? "";
      const identity = tokens.find(token) ?? (await revisionTokens?.find(token, from));
      if (identity !== undefined) return identity;
    }
    throw refuse("unauthorized", "no running instance has this token");
  };
  /** What a function did wrong, or what is away and told of by whoever noticed, is in the function's own log. */
  const report = (error: unknown, request: IncomingMessage, requestId: string): void => {
    const expected = error instanceof PlatformError && error.code !== "internal";
    log.log(expected ? "debug" : "error", "a gateway call failed", {
      error,
      request_id: requestId,
      trace_id: TRACE.exec(String(request.headers["traceparent"] ?? ""))?.[1],
      "http.path": request.url?.split("?", 1)[0],
    });
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const begin = clock.monotonic();
    const requestId = requestIdOf(request);
    let kind: Kind | "" = "";
    const reply = (answer: Answer): Promise<void> => send(request, response, answer, requestId);
    try {
      const identity = await identify(request);
      if (!shares.mayKeep(identity, request.socket)) response.setHeader("connection", "close");
      await shares.inTurn(identity, async () => {
        const url = urlOf(request);
        const route = routeOf(routes, request.method, url.pathname);
        kind = route.kind;
        await reply(await route.handle({ identity, request, url, requestId, signal: callerGone(response) }));
      });
    } catch (error) {
      if (!response.destroyed) report(error, request, requestId);
      if (response.headersSent) response.destroy();
      else await reply(errorAnswer(error, requestId));
    } finally {
      metrics.record(kind, response.statusCode, clock.monotonic() - begin);
    }
  };
  return (request, response) => {
    // A request that breaks is told by its handler, or is nobody's concern any more.
    request.on("error", () => undefined);
    void serve(request, response).catch(() => response.destroy());
  };
}
