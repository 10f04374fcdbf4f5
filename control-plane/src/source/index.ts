export type { SourceEntry } from "./collector.ts";
export { DEFAULT_SOURCE_LIMITS, type SourceLimits } from "./limits.ts";
export { readSource, type Source, type SourceOptions } from "./read-source.ts";
