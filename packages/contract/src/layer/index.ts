export type { AttributeValue, Comparison, Condition, Filter, FuzzyOptions, Scalar } from "./filter.ts";
export { printFilter, readFilter } from "./read-filter.ts";
export { storableText } from "./text.ts";
export { tokensOf } from "./tokens.ts";
export {
  type Aggregation,
  type AttributeOrder,
  MAX_LIMIT,
  type Ranking,
  readQuery,
  type VectorQuery,
} from "./query.ts";
export { readRowId, type RowId, VECTOR, type WrittenRow } from "./row.ts";
export {
  type AttributeSchema,
  DISTANCE_METRICS,
  type DistanceMetric,
  readWrite,
  type VectorWrite,
  type WriteCondition,
} from "./write.ts";
export { LAYER_OPERATIONS, type LayerOperation, type LayerOperationId } from "./operations.ts";
