export type { AttributeValue, Comparison, Condition, Filter, FuzzyOptions, Scalar } from "./filter.ts";
export { isMap } from "../document/is-map.ts";
export { printFilter, readFilter } from "./read-filter.ts";
export { tokensOf, wordsOf } from "./tokens.ts";
export { type Aggregation, type AttributeOrder, type Ranking, readQuery, type VectorQuery } from "./query.ts";
export { readRowId, type RowId, VECTOR, type WrittenRow } from "./row.ts";
export {
  type AttributeSchema,
  type DistanceMetric,
  readWrite,
  type VectorWrite,
  type WriteCondition,
} from "./write.ts";
export { LAYER_OPERATIONS, type LayerOperation, type LayerOperationId } from "./operations.ts";
