export { createInferenceKind, type InferenceKindDependencies, type InferenceKindSettings } from "./kind.ts";
export { MATCH_STREAM } from "./matches.ts";
export { createInferenceMetrics, type InferenceMetrics } from "./metrics.ts";
