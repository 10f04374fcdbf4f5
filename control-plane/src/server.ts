import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { type ErrorCode, PlatformError, toErrorBody, ulid } from "@hanzo-fn/contract";
import type { Service } from "@hanzo-fn/lifecycle";

export interface ApiServerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxHeadBytes: number;
}

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

function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) {
    socket.destroy();
    return;
  }
  const requestId = `req_${ulid()}`;
  const refusal = new PlatformError(codeOf(error), "the request is not valid HTTP", {
    component: "control-plane",
  });
  const body = JSON.stringify(toErrorBody(refusal, requestId, "control-plane"));
  socket.end(
    `HTTP/1.1 ${refusal.status} ${refusal.code}\r\ncontent-type: application/json\r\nx-request-id: ${requestId}\r\n` +
      `content-length: ${Buffer.byteLength(body)}\r\nconnection: close\r\n\r\n${body}`,
  );
}

/** :8060 as a service. `start` rejects with `conflict` where the port is taken. */
// oxlint-disable-next-line typescript/no-explicit-any -- the server does not care about the app's environment
export function createApiServer(app: Hono<any>, options: ApiServerOptions): ApiServer {
  let server: Server | undefined;
  return {
    name: "api",
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
        },
        getRequestListener(app.fetch, { overrideGlobalObjects: false }),
      );
      listening.on("clientError", refuse);
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
              { component: "api", cause, next: "choose another with server.api_port or --api-port" },
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
