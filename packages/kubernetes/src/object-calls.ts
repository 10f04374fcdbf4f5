import type { Call, Requests } from "./http/requests.ts";
import { collectionPath, objectPath, type Query } from "./http/paths.ts";
import { statusOf, type Target } from "./http/errors.ts";
import { type Kind, type KubeObject, type ObjectRef, objectKey } from "./objects.ts";

export interface ListQuery {
  /** All of them where not given. */
  readonly namespace?: string | undefined;
  readonly labelSelector?: string | undefined;
  readonly fieldSelector?: string | undefined;
}

export interface ObjectList<T> {
  readonly items: T[];
  /** What the list is as of: where a watch goes on. */
  readonly resourceVersion: string;
}

export interface WriteOptions {
  /** Everything but the write itself: defaults, validation, webhooks. */
  readonly dryRun?: boolean | undefined;
  /** The name under which fields are owned. */
  readonly fieldManager?: string | undefined;
}

export interface ApplyOptions extends WriteOptions {
  readonly fieldManager: string;
  /** Takes fields from other managers instead of rejecting with `field_conflict`. */
  readonly force?: boolean | undefined;
  /** `status`, to apply that alone. */
  readonly subresource?: string | undefined;
}

export type Patch =
  | { readonly type: "merge"; readonly merge: object }
  /** RFC 6902. */
  | { readonly type: "json"; readonly operations: readonly object[] };

export interface DeleteOptions {
  /** `Foreground`: the object stays until what it owns is gone. */
  readonly propagation?: "Foreground" | "Background" | "Orphan" | undefined;
  /** Only this very object: `object_conflict` where another one has its name by now. */
  readonly uid?: string | undefined;
  readonly resourceVersion?: string | undefined;
  readonly dryRun?: boolean | undefined;
}

/** An object to be written: what the server adds need not be there. */
export type Draft<T extends KubeObject> = Pick<T, "apiVersion" | "kind" | "metadata"> & Partial<T>;

export interface ObjectCalls {
  get<T extends KubeObject>(kind: Kind<T>, ref: ObjectRef, signal: AbortSignal): Promise<T>;
  /** All pages, one after the other. */
  list<T extends KubeObject>(kind: Kind<T>, query: ListQuery, signal: AbortSignal): Promise<ObjectList<T>>;
  create<T extends KubeObject>(
    kind: Kind<T>,
    object: Draft<T>,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<T>;
  /** PUT: `object_conflict` where its resourceVersion is not the last one. */
  replace<T extends KubeObject>(
    kind: Kind<T>,
    object: T,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<T>;
  /** Server-side apply: creates the object, or changes the fields that are ours. */
  apply<T extends KubeObject>(
    kind: Kind<T>,
    object: Draft<T>,
    options: ApplyOptions,
    signal: AbortSignal,
  ): Promise<T>;
  patch<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    patch: Patch,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<T>;
  /** The same on the subresource `status`, which `patch` cannot change where a kind has one. */
  patchStatus<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    patch: Patch,
    options: WriteOptions,
    signal: AbortSignal,
  ): Promise<T>;
  /** Resolves when the deletion is accepted: finalizers and Foreground may keep the object a while. Gone already is well. */
  delete<T extends KubeObject>(
    kind: Kind<T>,
    ref: ObjectRef,
    options: DeleteOptions,
    signal: AbortSignal,
  ): Promise<void>;
}

const PAGE = 500;
const APPLY = "application/apply-patch+yaml";

export function targetOf(verb: string, kind: Kind, ref: ObjectRef): Target {
  return { verb, what: `${kind.kind} ${objectKey({ metadata: ref as { name: string } })}` };
}

export function createObjectCalls(requests: Requests): ObjectCalls {
  const write = (options: WriteOptions): Query => ({
    fieldManager: options.fieldManager,
    dryRun: options.dryRun === true ? "All" : undefined,
    // A misspelt field is an error instead of nothing.
    fieldValidation: "Strict",
  });
  const patchAt = <T extends KubeObject>(
    subresource: string | undefined,
    ...[kind, ref, patch, options, signal]: Parameters<ObjectCalls["patch"]>
  ): Promise<T> => {
    const json = patch.type === "json";
    return requests.json<T>({
      method: "PATCH",
      path: objectPath(kind, ref, subresource),
      query: write(options),
      body: json ? patch.operations : patch.merge,
      contentType: json ? "application/json-patch+json" : "application/merge-patch+json",
      target: targetOf("patch", kind, ref),
      idempotent: !json,
      signal,
    });
  };

  return {
    get: (kind, ref, signal) =>
      requests.json({
        method: "GET",
        path: objectPath(kind, ref),
        target: targetOf("get", kind, ref),
        idempotent: true,
        signal,
      }),
    list: (kind, query, signal) => listAll(requests, kind, query, signal),
    create: (kind, object, options, signal) =>
      requests.json({
        method: "POST",
        path: collectionPath(kind, object.metadata.namespace),
        query: write(options),
        body: object,
        target: targetOf("create", kind, object.metadata),
        idempotent: options.dryRun === true,
        signal,
      }),
    replace: (kind, object, options, signal) =>
      requests.json({
        method: "PUT",
        path: objectPath(kind, object.metadata),
        query: write(options),
        body: object,
        target: targetOf("replace", kind, object.metadata),
        // A second one finds the version that the first one made.
        idempotent: object.metadata.resourceVersion === undefined,
        signal,
      }),
    apply: (kind, object, options, signal) =>
      requests.json({
        method: "PATCH",
        path: objectPath(kind, object.metadata, options.subresource),
        query: { ...write(options), force: options.force },
        body: object,
        contentType: APPLY,
        target: targetOf("apply", kind, object.metadata),
        idempotent: true,
        signal,
      }),
    patch: (...args) => patchAt(undefined, ...args),
    patchStatus: (...args) => patchAt("status", ...args),
    delete: (kind, ref, options, signal) => remove(requests, kind, ref, options, signal),
  };
}

async function listAll<T extends KubeObject>(
  requests: Requests,
  kind: Kind<T>,
  { namespace, labelSelector, fieldSelector }: ListQuery,
  signal: AbortSignal,
): Promise<ObjectList<T>> {
  const target = {
    verb: "list",
    what: namespace === undefined ? kind.plural : `${kind.plural} in ${namespace}`,
  };
  const page = (more: Query): Promise<Page<T>> =>
    requests.json<Page<T>>({
      method: "GET",
      path: collectionPath(kind, namespace),
      query: { labelSelector, fieldSelector, ...more },
      target,
      idempotent: true,
      signal,
    });
  // Items of a list come without what all of them share.
  const complete = (item: T): T => ({ ...item, apiVersion: kind.apiVersion, kind: kind.kind });
  const items: T[] = [];
  try {
    for (let next: string | undefined; ;) {
      const { metadata, items: some } = await page({ limit: PAGE, continue: next });
      for (const item of some ?? []) items.push(complete(item));
      next = metadata.continue || undefined;
      if (next === undefined) return { items, resourceVersion: metadata.resourceVersion };
    }
  } catch (error) {
    if (statusOf(error)?.code !== 410) throw error;
    // The pages took longer than the server keeps what they are as of. In one piece it cannot happen.
    const { metadata, items: all } = await page({});
    return { items: (all ?? []).map(complete), resourceVersion: metadata.resourceVersion };
  }
}

interface Page<T> {
  readonly metadata: { readonly resourceVersion: string; readonly continue?: string };
  readonly items: T[] | null;
}

async function remove(
  requests: Requests,
  kind: Kind,
  ref: ObjectRef,
  options: DeleteOptions,
  signal: AbortSignal,
): Promise<void> {
  const { uid, resourceVersion, propagation, dryRun } = options;
  const call: Call = {
    method: "DELETE",
    path: objectPath(kind, ref),
    body: {
      apiVersion: "v1",
      kind: "DeleteOptions",
      ...(propagation === undefined ? {} : { propagationPolicy: propagation }),
      ...(dryRun === true ? { dryRun: ["All"] } : {}),
      preconditions: { uid, resourceVersion },
    },
    target: targetOf("delete", kind, ref),
    idempotent: true,
    signal,
  };
  try {
    await requests.json(call);
  } catch (error) {
    if (statusOf(error)?.code !== 404) throw error;
  }
}
