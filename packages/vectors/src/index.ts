export { createEmbeddedVectors, type EmbeddedVectorOptions } from "./embedded/embedded.ts";
export type {
  NamespaceKey,
  NamespaceMetadata,
  NamespacePage,
  QueryOutcome,
  RankedRow,
  ScanOptions,
  ScanPage,
  StoredRow,
  VectorStore,
  WriteOutcome,
} from "./vector-store.ts";
