import { chmod, rm, rmdir } from "node:fs/promises";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo, ListenOptions } from "node:net";
import { join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import { makeDir } from "@hanzo-fn/engine";
import type { Service } from "@hanzo-fn/lifecycle";

export interface GatewayServerOptions {
  /** Short, the same at every start, shared with the engine; the socket lies in a folder of its own in it. */
  readonly runDir: string;
  /** Whether instances run as users of their own, who must be able to connect. */
  readonly forOthers: boolean;
  /** Listens on TCP too; 0 takes a free port. */
  readonly port?: number | undefined;
  /** Where it does; 127.0.0.1 unless instances are on other machines. */
  readonly host?: string | undefined;
}

export interface GatewayServer extends Service {
  /** `unix:<path>`, what instances on this machine are given. */
  readonly url: string;
  /** `http://<host>:<port>` while it listens there. */
  tcpUrl(): string | undefined;
}

/** sockaddr_un holds 108 bytes with its final zero. */
const MAX_SOCKET_PATH_BYTES = 107;
const MAX_HEAD_BYTES = 65_536;
const MAX_CONNECTIONS = 8192;

function listen(listener: RequestListener, where: ListenOptions): Promise<Server> {
  const server = createServer(
    // A storage upload may take as long as it takes; it is the function's own deadline that ends it.
    {
      maxHeaderSize: MAX_HEAD_BYTES,
      requestTimeout: 0,
      headersTimeout: 10_000,
      connectionsCheckingInterval: 2000,
      keepAliveTimeout: 75_000,
    },
    listener,
  );
  server.maxConnections = MAX_CONNECTIONS;
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(where, () => {
      server.off("error", reject);
      resolve(server);
    });
  });
}

function close(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearTimeout(timer);
      resolve();
    });
    server.closeIdleConnections();
  });
}

/** Where functions' instances reach the gateway. `start` rejects with `conflict` where the port is taken. */
export function createGatewayServer(listener: RequestListener, options: GatewayServerOptions): GatewayServer {
  const { runDir, forOthers, port, host = "127.0.0.1" } = options;
  const folder = join(runDir, "g");
  const socketPath = join(folder, "s");
  const servers: Server[] = [];

  const listenOnSocket = async (): Promise<void> => {
    if (Buffer.byteLength(socketPath) > MAX_SOCKET_PATH_BYTES) {
      throw new RangeError(
        `the path ${socketPath} is too long for a Unix socket: choose a shorter run directory`,
      );
    }
    makeDir(runDir, 0o711);
    makeDir(folder, forOthers ? 0o711 : 0o700);
    // Of a platform that was killed: only one serves a data directory.
    await rm(socketPath, { force: true });
    servers.push(await listen(listener, { path: socketPath }));
    await chmod(socketPath, forOthers ? 0o666 : 0o600);
  };
  const listenOnPort = async (): Promise<void> => {
    if (port === undefined) return;
    try {
      servers.push(await listen(listener, { host, port }));
    } catch (cause) {
      throw new PlatformError("conflict", `port ${port} of the gateway is taken`, {
        component: "gateway",
        cause,
        next: "choose another with gateway.port",
      });
    }
  };
  const stop = async (graceMs: number): Promise<void> => {
    await Promise.all(servers.splice(0).map((server) => close(server, graceMs)));
    // The engine has left by now; what still holds something stays for the next start.
    for (const path of [folder, runDir]) await rmdir(path).catch(() => undefined);
  };
  return {
    name: "gateway",
    url: `unix:${socketPath}`,
    tcpUrl() {
      const address = servers.map((server) => server.address()).find((at) => typeof at === "object");
      if (!address) return undefined;
      const shown = host.includes(":") ? `[${host}]` : host;
      return `http://${shown}:${(address as AddressInfo).port}`;
    },
    async start(signal) {
      signal.throwIfAborted();
      try {
        await listenOnSocket();
        await listenOnPort();
      } catch (error) {
        await stop(0);
        throw error;
      }
    },
    stop,
  };
}
