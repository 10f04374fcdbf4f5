import type { ApiServer } from "@hanzo-fn/api-server";
import type { Parts } from "./parts.ts";

/** The data plane, where this process has it; it is not even loaded where it is not wanted. */
export async function openLayer({
  config,
  authenticator,
  store,
  log,
}: Parts): Promise<ApiServer | undefined> {
  const { planes, layer, server, limits, auth } = config;
  if (!planes.includes("layer")) return undefined;
  const [{ createLayer }, { createEmbeddedVectors }] = await Promise.all([
    import("@hanzo-fn/layer"),
    import("@hanzo-fn/vectors"),
  ]);
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
