import { type ApiServer, createApiServer } from "@hanzo-fn/api-server";
import type { Authenticator } from "@hanzo-fn/contract";
import type { Logger } from "@hanzo-fn/telemetry";
import type { VectorStore } from "@hanzo-fn/vectors";
import { createLayerApp } from "./app.ts";
import { layerRefusal } from "./errors.ts";
import { namespaceHandlers } from "./namespaces/handlers.ts";

export interface LayerParts {
  readonly authenticator: Authenticator;
  readonly vectors: VectorStore;
  readonly log: Logger;
}

export interface LayerOptions {
  readonly host: string;
  readonly port: number;
  readonly maxHeadBytes: number;
  readonly maxBodyBytes: number;
  /** Where given, callers without credentials act for this organisation. */
  readonly openTo?: string | undefined;
}

/** :8080 as a service. `start` rejects with `conflict` where the port is taken. */
export function createLayer({ authenticator, vectors, log }: LayerParts, options: LayerOptions): ApiServer {
  const { host, port, maxHeadBytes, maxBodyBytes, openTo } = options;
  const handlers = {
    health: () => Promise.resolve({ status: "ok" }),
    ...namespaceHandlers({ vectors, maxBodyBytes }),
  };
  return createApiServer(createLayerApp({ authenticator, openTo, handlers, log }), {
    name: "layer",
    host,
    port,
    maxHeadBytes,
    portSetting: "layer.port or --layer-port",
    refusalBody: (refusal, requestId) => JSON.stringify(layerRefusal(refusal, requestId).body),
  });
}
