import type { Permission } from "../identity.ts";

/** A route of Layer. There is none without a decision about who may call it. */
export interface LayerOperation {
  readonly id: string;
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** OpenAPI form. */
  readonly path: string;
  readonly summary: string;
  readonly tag: "namespaces" | "documents" | "platform";
  readonly permission: Permission | "public";
  readonly status: number;
}

/** Every operation of :8080; routes, documentation and the authorisation test are made from it. */
export const LAYER_OPERATIONS = [
  {
    id: "health",
    method: "GET",
    path: "/health",
    summary: "Whether Layer answers",
    tag: "platform",
    permission: "public",
    status: 200,
  },
  {
    id: "listNamespaces",
    method: "GET",
    path: "/v2/namespaces",
    summary: "List namespaces: `prefix`, `cursor`, `page_size`",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "listNamespaceIds",
    method: "GET",
    path: "/v1/namespaces",
    summary: "List the ids of namespaces, as Turbopuffer does",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "writeNamespace",
    method: "POST",
    path: "/v2/namespaces/{namespace}",
    summary: "Upsert, patch and delete rows; the first write makes the namespace",
    tag: "namespaces",
    permission: "layer:write",
    status: 200,
  },
  {
    id: "deleteNamespace",
    method: "DELETE",
    path: "/v2/namespaces/{namespace}",
    summary: "Delete a namespace with all of its rows",
    tag: "namespaces",
    permission: "layer:write",
    status: 200,
  },
  {
    id: "queryNamespace",
    method: "POST",
    path: "/v2/namespaces/{namespace}/query",
    summary: "Rank, filter and aggregate rows; several queries at once as `queries`",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "queryNamespaceV1",
    method: "POST",
    path: "/v1/namespaces/{namespace}/query",
    summary: "The same, where hevlayer's clients ask for Turbopuffer's own answer",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "namespaceMetadata",
    method: "GET",
    path: "/v2/namespaces/{namespace}/metadata",
    summary: "What a namespace holds, and its schema",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "namespaceMetadataV1",
    method: "GET",
    path: "/v1/namespaces/{namespace}/metadata",
    summary: "The same, as Turbopuffer's first version",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "namespaceSchema",
    method: "GET",
    path: "/v1/namespaces/{namespace}/schema",
    summary: "The types of a namespace's attributes",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "updateNamespaceSchema",
    method: "POST",
    path: "/v1/namespaces/{namespace}/schema",
    summary: "Declare types of attributes",
    tag: "namespaces",
    permission: "layer:write",
    status: 200,
  },
  {
    id: "warmNamespace",
    method: "GET",
    path: "/v1/namespaces/{namespace}/hint_cache_warm",
    summary: "Tell that queries are about to come",
    tag: "namespaces",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "fetchDocuments",
    method: "POST",
    path: "/v2/namespaces/{namespace}/documents",
    summary: "Rows by their ids",
    tag: "documents",
    permission: "layer:read",
    status: 200,
  },
  {
    id: "fetchDocument",
    method: "GET",
    path: "/v2/namespaces/{namespace}/documents/{id}",
    summary: "A row by its id",
    tag: "documents",
    permission: "layer:read",
    status: 200,
  },
] as const satisfies readonly LayerOperation[];

export type LayerOperationId = (typeof LAYER_OPERATIONS)[number]["id"];
