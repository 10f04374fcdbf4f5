import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { PlatformError } from "@hanzo-fn/contract";
import type { Service } from "@hanzo-fn/lifecycle";
import type { CallContext } from "./call-context.ts";
import { ClientConnection, type ConnectionHost, type ConnectionOptions } from "./http1/connection.ts";
import { refusalAnswer } from "./refusal-answer.ts";

export interface ServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  readonly connection: ConnectionOptions;
  readonly maxConnections: number;
  /** How often timeouts of connections are looked at. */
  readonly sweepMs: number;
}

export interface ProxyServer extends Service {
  /** Where it listens; throws before `start`. */
  address(): AddressInfo;
  readonly connections: number;
}

function listenError(port: number, cause: NodeJS.ErrnoException): PlatformError {
  const taken = cause.code === "EADDRINUSE";
  const message = taken ? `port ${port} is taken` : `cannot listen on port ${port}: ${cause.message}`;
  return new PlatformError(taken ? "conflict" : "internal", message, {
    component: "invoke-proxy",
    cause,
    next: "choose another with server.invoke_port or --invoke-port",
  });
}

function listen(server: Server, { host, port }: ServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (cause: Error): void => reject(listenError(port, cause));
    server.once("error", fail);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off("error", fail);
      resolve();
    });
  });
}

/** The wire of :8061. `start` rejects with `conflict` where the port is taken. */
export function createServerOf(calls: CallContext, options: ServerOptions): ProxyServer {
  const connections = new Set<ClientConnection>();
  let server: Server | undefined;
  let sweeper: NodeJS.Timeout | undefined;
  let onEmpty: (() => void) | undefined;
  const host: ConnectionHost & { draining: boolean } = {
    calls,
    options: options.connection,
    draining: false,
    forget(connection: ClientConnection) {
      connections.delete(connection);
      if (connections.size === 0) onEmpty?.();
    },
  };

  const sweep = (): void => {
    const now = calls.clock.monotonic();
    for (const connection of connections) connection.sweep(now);
    calls.upstreams.sweep();
    calls.limiter.sweep(calls.clock.now());
  };
  const refuse = (socket: Socket): void => {
    const error = new PlatformError("no_capacity", `more than ${options.maxConnections} connections`);
    const client = { address: socket.remoteAddress ?? "", host: undefined };
    const { lines, body } = refusalAnswer(calls, client, error);
    socket.on("error", () => socket.destroy());
    const length = Buffer.byteLength(body);
    socket.end(
      `HTTP/1.1 503 Service Unavailable\r\n${lines}Content-Length: ${length}\r\nConnection: close\r\n\r\n${body}`,
    );
    socket.resume();
    socket.setTimeout(options.connection.lingerMs, () => socket.destroy());
  };
  const accept = (socket: Socket): void => {
    if (connections.size >= options.maxConnections) refuse(socket);
    else connections.add(new ClientConnection(host, socket));
  };
  const emptied = (graceMs: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, graceMs);
      onEmpty = () => {
        clearTimeout(timer);
        resolve();
      };
      if (connections.size === 0) onEmpty();
    });

  return {
    name: "invoke-proxy",
    async start(signal) {
      signal.throwIfAborted();
      if (server) return;
      server = createServer({ noDelay: true }, accept);
      await listen(server, options);
      host.draining = false;
      sweeper = setInterval(sweep, options.sweepMs);
    },
    async stop(graceMs) {
      if (!server) return;
      const closing = server;
      server = undefined;
      host.draining = true;
      const closed = new Promise((resolve) => closing.close(resolve));
      for (const connection of connections) if (connection.idle) connection.destroy();
      await emptied(graceMs);
      for (const connection of connections) connection.destroy();
      await closed;
      clearInterval(sweeper);
      calls.upstreams.close();
      calls.deadlines.close();
    },
    address() {
      const address = server?.address();
      if (!address || typeof address === "string") throw new Error("the proxy does not listen");
      return address;
    },
    get connections() {
      return connections.size;
    },
  };
}
