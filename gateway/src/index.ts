export { createGateway, type GatewayParts, type GatewayPlane } from "./gateway.ts";
export { createEmbeddedKv, type EmbeddedKvOptions } from "./kv/embedded.ts";
export type { Kv } from "./kv/kv.ts";
export { createModels, type Models } from "./models/models.ts";
export { createModelSources } from "./models/sources.ts";
export { openModelTrees } from "./models/tree.ts";
export type { Publishers } from "./publish/route.ts";
export { createSignedObjects } from "./storage/signed.ts";
export { createStorage, type Storage, type StorageRules } from "./storage/storage.ts";
