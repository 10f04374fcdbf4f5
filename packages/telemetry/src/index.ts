export * from "./invocation-metrics.ts";
export * from "./logger.ts";
export * from "./metrics.ts";
export * from "./metrics-server.ts";
export * from "./otlp.ts";
export type { AttributeValue, Span } from "./spans.ts";
