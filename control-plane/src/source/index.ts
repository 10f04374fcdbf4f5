export type { SourceEntry } from "./collector.ts";
export type { SourceLimits } from "./limits.ts";
export { readSource, type Source, type SourceOptions } from "./read-source.ts";
