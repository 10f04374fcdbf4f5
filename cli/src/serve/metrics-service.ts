import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { PlatformError } from "@hanzo-fn/contract";
import type { Service } from "@hanzo-fn/lifecycle";
import { type MetricsServerOptions, startMetricsServer } from "@hanzo-fn/telemetry";

export interface MetricsService extends Service {
  port(): number;
}

/** :9060 as a service. */
export function createMetricsService(options: MetricsServerOptions): MetricsService {
  let server: Server | undefined;
  return {
    name: "metrics",
    port: () => (server?.address() as AddressInfo | null)?.port ?? options.port,
    async start() {
      try {
        server = await startMetricsServer(options);
      } catch (cause) {
        throw new PlatformError("conflict", `port ${options.port} is taken`, {
          component: "metrics",
          cause,
          next: "choose another with server.metrics_port or --metrics-port",
        });
      }
    },
    stop() {
      server?.closeAllConnections();
      return new Promise((resolve) => (server === undefined ? resolve() : server.close(() => resolve())));
    },
  };
}
