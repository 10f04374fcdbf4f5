import type { Kind, ObjectRef } from "../objects.ts";

/** The collection of a kind, in one namespace or in all. */
export function collectionPath(kind: Kind, namespace?: string): string {
  const root = kind.apiVersion.includes("/") ? "/apis/" : "/api/";
  const inside =
    kind.namespaced && namespace !== undefined ? `/namespaces/${encodeURIComponent(namespace)}` : "";
  return `${root}${kind.apiVersion}${inside}/${kind.plural}`;
}

export function objectPath(kind: Kind, ref: ObjectRef, subresource?: string): string {
  if (kind.namespaced && ref.namespace === undefined)
    throw new Error(`${kind.kind} ${ref.name} has no namespace`);
  if (ref.name === "") throw new Error(`${kind.kind} without a name`);
  const under = subresource === undefined ? "" : `/${subresource}`;
  return `${collectionPath(kind, ref.namespace)}/${encodeURIComponent(ref.name)}${under}`;
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** `?a=1&b=2`, without what is undefined; nothing where all is. */
export function queryString(query: Query = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) params.append(name, String(value));
  return params.size === 0 ? "" : `?${params}`;
}
