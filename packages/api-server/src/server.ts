import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { getRequestListener, RequestError } from "@hono/node-server";
import type { Hono } from "hono";
import { type ErrorCode, PlatformError, ulid } from "@hanzo-fn/contract";
import type { Service } from "@hanzo-fn/lifecycle";

export interface ApiServerOptions {
  /** Of the service, in logs and refusals. */
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** What chooses another port, in words. */
  readonly portSetting: string;
  readonly maxHeadBytes: number;
  /** The body of a refusal that never reaches the app. */
  readonly refusalBody: (refusal: PlatformError, requestId: string) => string;
}

type RefusalBody = ApiServerOptions["refusalBody"];

export interface ApiServer extends Service {
  /** The port it listens on; useful where port 0 was asked for. */
  port(): number;
}

/** What Node's parser refuses, as codes of our table. */
function codeOf(error: NodeJS.ErrnoException): ErrorCode {
  if (error.code === "HPE_HEADER_OVERFLOW") return "head_too_large";
  if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") return "request_timeout";
  return "malformed_http";
}

function refusalOf(
  refusal: PlatformError,
  bodyOf: RefusalBody,
): { headers: Record<string, string>; body: string } {
  const requestId = `req_${ulid()}`;
  return {
    headers: { "content-type": "application/json", "x-request-id": requestId, connection: "close" },
    body: bodyOf(refusal, requestId),
  };
}

function endWith(code: ErrorCode, message: string, socket: Duplex, bodyOf: RefusalBody): void {
  const refusal = new PlatformError(code, message);
  const { headers, body } = refusalOf(refusal, bodyOf);
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(
    `HTTP/1.1 ${refusal.status} ${refusal.code}\r\n${lines.join("")}content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** What Node would answer without a body, or not at all. */
function answerRefusals(server: Server, bodyOf: RefusalBody): void {
  server.on("clientError", (error: NodeJS.ErrnoException, socket: Socket) => {
    if (error.code === "ECONNRESET" || !socket.writable) socket.destroy();
    else endWith(codeOf(error), "the request is not valid HTTP", socket, bodyOf);
  });
  server.on("connect", (_request, socket) =>
    endWith("method_not_allowed", "this API takes no CONNECT", socket, bodyOf),
  );
  server.on("checkExpectation", (_request: IncomingMessage, response: ServerResponse) => {
    const refusal = new PlatformError("expectation_failed", "only 100-continue can be expected here");
    const { headers, body } = refusalOf(refusal, bodyOf);
    response.writeHead(refusal.status, headers).end(body);
  });
}

/** The adapter refuses what makes no URL: no host, a bad host, a bad target. */
function refuseRequest(error: unknown, bodyOf: RefusalBody): Response {
  const refusal =
    error instanceof RequestError
      ? new PlatformError("malformed_http", "the request has no valid host or target", { cause: error })
      : new PlatformError("internal", "something went wrong inside the platform", { cause: error });
  const { headers, body } = refusalOf(refusal, bodyOf);
  return new Response(body, { status: refusal.status, headers });
}

/** An app on a port, as a service. `start` rejects with `conflict` where the port is taken. */
// oxlint-disable-next-line typescript/no-explicit-any -- the server does not care about the app's environment
export function createApiServer(app: Hono<any>, options: ApiServerOptions): ApiServer {
  const { name, portSetting, refusalBody } = options;
  let server: Server | undefined;
  return {
    name,
    port: () => {
      const address = server?.address();
      return typeof address === "object" && address !== null ? address.port : options.port;
    },
    start() {
      const listening = createServer(
        {
          maxHeaderSize: options.maxHeadBytes,
          requestTimeout: 0,
          headersTimeout: 20_000,
          keepAliveTimeout: 65_000,
          // The adapter refuses a request without a host, with a body.
          requireHostHeader: false,
        },
        getRequestListener(app.fetch, {
          overrideGlobalObjects: false,
          errorHandler: (error) => refuseRequest(error, refusalBody),
        }),
      );
      answerRefusals(listening, refusalBody);
      server = listening;
      return new Promise((resolve, reject) => {
        listening.once("error", (cause: NodeJS.ErrnoException) => {
          const taken = cause.code === "EADDRINUSE";
          reject(
            new PlatformError(
              taken ? "conflict" : "internal",
              taken
                ? `port ${options.port} is taken`
                : `cannot listen on port ${options.port}: ${cause.message}`,
              { component: name, cause, next: `choose another with ${portSetting}` },
            ),
          );
        });
        listening.listen(options.port, options.host, resolve);
      });
    },
    stop(graceMs) {
      const closing = server;
      if (closing === undefined) return Promise.resolve();
      server = undefined;
      return new Promise((resolve) => {
        const timer = setTimeout(() => closing.closeAllConnections(), graceMs);
        closing.close(() => {
          clearTimeout(timer);
          resolve();
        });
        closing.closeIdleConnections();
      });
    },
  };
}
