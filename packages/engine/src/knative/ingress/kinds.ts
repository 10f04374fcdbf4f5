import type { Kind, ObjectMeta } from "@hanzo-fn/kubernetes";
import type { Condition } from "../explain/live.ts";

/** What Knative's Route wants of whoever serves its hosts (networking.internal.knative.dev/v1alpha1), as far as it is read. */
export interface Ingress {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: ObjectMeta;
  readonly spec?: {
    readonly rules?: readonly {
      readonly http?: {
        readonly paths?: readonly {
          readonly splits?: readonly {
            readonly serviceNamespace?: string;
            readonly serviceName?: string;
            readonly percent?: number;
          }[];
        }[];
      };
    }[];
  };
  readonly status?: Partial<IngressStatus>;
}

interface LoadBalancer {
  readonly ingress: readonly { readonly domainInternal: string }[];
}

export interface IngressStatus {
  readonly observedGeneration: number;
  readonly conditions: readonly Condition[];
  readonly publicLoadBalancer: LoadBalancer;
  readonly privateLoadBalancer: LoadBalancer;
}

export const INGRESSES: Kind<Ingress> = {
  apiVersion: "networking.internal.knative.dev/v1alpha1",
  kind: "Ingress",
  plural: "ingresses",
  namespaced: true,
};

const CLASS_ANNOTATION = "networking.knative.dev/ingress.class";

export function isOfClass({ metadata }: Ingress, ingressClass: string): boolean {
  return metadata.annotations?.[CLASS_ANNOTATION] === ingressClass;
}
