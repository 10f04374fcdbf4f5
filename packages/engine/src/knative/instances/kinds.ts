import type { Kind, ObjectMeta } from "@hanzo-fn/kubernetes";
import type { Pod } from "../explain/live.ts";

export interface EndpointSlice {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly addressType?: string;
  readonly endpoints?: readonly Endpoint[] | null;
  readonly ports?: readonly { readonly name?: string; readonly port?: number }[] | null;
}

export interface Endpoint {
  readonly addresses: readonly string[];
  /** `ready` counts as true where it is missing (discovery.k8s.io/v1). */
  readonly conditions?: { readonly ready?: boolean; readonly terminating?: boolean };
  readonly targetRef?: { readonly kind?: string; readonly name?: string };
}

/** A Knative Revision, as far as calls go. */
export interface Revision {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly containerConcurrency?: number;
    readonly containers?: readonly {
      readonly resources?: { readonly limits?: Readonly<Record<string, string | number>> };
    }[];
  };
}

export interface LivePod extends Pod {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly containers?: readonly {
      readonly name: string;
      readonly env?: readonly { readonly name: string; readonly value?: string }[];
    }[];
  };
}

export const ENDPOINT_SLICES: Kind<EndpointSlice> = {
  apiVersion: "discovery.k8s.io/v1",
  kind: "EndpointSlice",
  plural: "endpointslices",
  namespaced: true,
};
export const REVISIONS: Kind<Revision> = {
  apiVersion: "serving.knative.dev/v1",
  kind: "Revision",
  plural: "revisions",
  namespaced: true,
};
export const PODS: Kind<LivePod> = { apiVersion: "v1", kind: "Pod", plural: "pods", namespaced: true };

/** On both Services that Knative makes of a revision, and so on their EndpointSlices. */
export const SERVERLESS_SERVICE_LABEL = "networking.internal.knative.dev/serverlessservice";
export const SERVICE_TYPE_LABEL = "networking.internal.knative.dev/serviceType";
