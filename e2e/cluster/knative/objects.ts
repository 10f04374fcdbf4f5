import { type ApiClient, ApiError, type KubeObject } from "../api-client.ts";

/** Kinds whose plural is not the kind with an s, and those outside of namespaces. */
const PLURALS: Readonly<Record<string, string>> = { Endpoints: "endpoints" };
const CLUSTER_WIDE = new Set([
  "Namespace",
  "ClusterRole",
  "ClusterRoleBinding",
  "CustomResourceDefinition",
  "MutatingWebhookConfiguration",
  "ValidatingWebhookConfiguration",
]);
const ALREADY_THERE = 409;

/** Where objects of this one's kind are created. */
export function collectionOf({ apiVersion = "v1", kind = "", metadata }: KubeObject): string {
  const group = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
  return CLUSTER_WIDE.has(kind)
    ? `${group}/${plural}`
    : `${group}/namespaces/${metadata.namespace ?? "default"}/${plural}`;
}

/** Creates all of them at once; one that exists stays as it is. */
export async function createAll(client: ApiClient, objects: readonly KubeObject[]): Promise<void> {
  await Promise.all(
    objects.map((object) =>
      client.request("POST", collectionOf(object), object).catch((error: unknown) => {
        if (!(error instanceof ApiError) || error.status !== ALREADY_THERE) throw error;
      }),
    ),
  );
}

interface Definition extends KubeObject {
  readonly status?: {
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>;
  };
}

/** Whether the API server serves every definition that it has. */
export async function definitionsServed(client: ApiClient): Promise<boolean> {
  const path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
  const { items } = await client.request<{ items: Definition[] }>("GET", path);
  return items.every(({ status }) =>
    status?.conditions?.some(({ type, status }) => type === "Established" && status === "True"),
  );
}
