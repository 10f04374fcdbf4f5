export { createGateway, type GatewayParts, type GatewayPlane } from "./gateway.ts";
export { createEmbeddedKv, type EmbeddedKvOptions } from "./kv/embedded.ts";
export type { Kv } from "./kv/kv.ts";
