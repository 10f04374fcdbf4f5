import { createLayer } from "@hanzo-fn/layer";
import { createEmbeddedVectors } from "@hanzo-fn/vectors";
import type { Parts } from "./parts.ts";

/** The data plane, where this process has it. */
export function openLayer({
  config,
  authenticator,
  store,
  log,
}: Parts): ReturnType<typeof createLayer> | undefined {
  const { planes, layer, server, limits, auth } = config;
  if (!planes.includes("layer")) return undefined;
  const vectors = createEmbeddedVectors({ store }, { maxCacheBytes: layer.vectorCacheBytes });
  return createLayer(
    { authenticator, vectors, log },
    {
      host: server.host,
      port: layer.port,
      maxHeadBytes: limits.maxHeadBytes,
      maxBodyBytes: layer.maxBodyBytes,
      openTo: layer.auth === "none" ? auth.org : undefined,
    },
  );
}
