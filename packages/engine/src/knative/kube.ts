/** An object of the Kubernetes API as it is sent: only fields that we mean, none that the API server or a webhook fills in. */
export interface KubeObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly [field: string]: unknown;
}

export interface ObjectMeta {
  readonly name: string;
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly ownerReferences?: readonly OwnerReference[];
}

export interface OwnerReference {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
  readonly controller: boolean;
  readonly blockOwnerDeletion: boolean;
}

/** One name per concern, so that a deploy never overwrites a traffic split. */
export const MANAGERS = {
  deploy: "hanzo-functions/deploy",
  traffic: "hanzo-functions/traffic",
  ingress: "hanzo-functions/ingress",
} as const;
export type FieldManager = (typeof MANAGERS)[keyof typeof MANAGERS];

/** An object and who applies it (server-side apply, `force=true`). */
export interface Applied {
  readonly manager: FieldManager;
  readonly object: KubeObject;
}

export const SERVING = "serving.knative.dev/v1";

export interface Owner {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** Deleting the owner deletes the object; it never holds up the owner's deletion. */
export function ownedBy(owner: Owner | undefined): Pick<ObjectMeta, "ownerReferences"> {
  if (owner === undefined) return {};
  const { apiVersion, kind, name, uid } = owner;
  return {
    ownerReferences: [{ apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: false }],
  };
}
