/** metadata of an object, as far as it is used. Times are RFC 3339. */
export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly uid?: string;
  readonly resourceVersion?: string;
  readonly generation?: number;
  readonly creationTimestamp?: string;
  readonly deletionTimestamp?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller?: boolean;
  readonly blockOwnerDeletion?: boolean;
}

export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
}

/** What an object is called in paths and in messages, and (in its type only) what it looks like. */
export interface Kind<T extends KubeObject = KubeObject> {
  /** `v1`, `serving.knative.dev/v1`. */
  readonly apiVersion: string;
  readonly kind: string;
  /** `services`: as in the path. */
  readonly plural: string;
  readonly namespaced: boolean;
  readonly "~object"?: T;
}

export interface ObjectRef {
  /** Absent for kinds that live in no namespace. */
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** `namespace/name`, or `name`: the key of an object in caches and queues. */
export function objectKey(object: { readonly metadata: Pick<ObjectMeta, "name" | "namespace"> }): string {
  const { name, namespace } = object.metadata;
  return namespace === undefined ? name : `${namespace}/${name}`;
}
