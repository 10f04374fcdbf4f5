import type { Config } from "@hanzo-fn/contract";
import { createEmbeddedKv, createGateway, type GatewayPlane, type Kv } from "@hanzo-fn/gateway";
import type { Store } from "@hanzo-fn/store";
import type { Registry } from "@hanzo-fn/telemetry";
import type { Parts } from "./parts.ts";

function openKv({ kv }: Config, store: Store): Kv {
  return createEmbeddedKv(store.kv, { maxBytesPerFunction: kv.maxBytesPerFunction });
}

/** The gateway of functions' services, with what is configured behind it. */
export function openGateway(
  { config, store, clock, log }: Parts,
  { registry, runDir }: { readonly registry: Registry; readonly runDir: string },
): GatewayPlane {
  return createGateway(
    { kv: openKv(config, store), registry, clock, log },
    { runDir, forOthers: process.getuid?.() === 0, port: config.gateway.port },
  );
}
