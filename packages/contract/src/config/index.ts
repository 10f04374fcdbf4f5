export { chosenEngine } from "./engine.ts";
export { loadConfig, type ConfigSources, type LoadedConfig } from "./load.ts";
export { configKeys, type ConfigKey } from "./registry.ts";
export type { Config } from "./sections.ts";
export { configJsonSchema } from "./json-schema.ts";
