import { isDeepStrictEqual } from "node:util";
import type { Condition } from "../explain/live.ts";
import type { Place } from "../instances/endpoints.ts";
import type { KnativeSettings } from "../settings.ts";
import type { Ingress, IngressStatus } from "./kinds.ts";
import { EXTERNAL_SERVICE, INTERNAL_SERVICE } from "./resources.ts";

/** The revisions that an ingress sends calls to, as `namespace/revision`. */
export function placesOf({ spec }: Ingress): Place[] {
  const places = new Set<Place>();
  for (const { http } of spec?.rules ?? []) {
    for (const { splits = [] } of http?.paths ?? []) {
      for (const { serviceNamespace = "", serviceName = "" } of splits) {
        places.add(`${serviceNamespace}/${serviceName}`);
      }
    }
  }
  return [...places].sort();
}

interface Verdict {
  readonly status: "True" | "Unknown";
  readonly reason?: string;
  readonly message?: string;
}

function verdictOf(unknown: readonly Place[]): Verdict {
  if (unknown.length === 0) return { status: "True" };
  const message = `the invocation proxy does not know ${unknown.join(", ")} yet`;
  return { status: "Unknown", reason: "RevisionUnknown", message };
}

/** A condition that stays as it is keeps the time since when it is so. */
function condition(type: string, verdict: Verdict, before: readonly Condition[], now: Date): Condition {
  const earlier = before.find((item) => item.type === type);
  const since = earlier?.status === verdict.status ? earlier.lastTransitionTime : undefined;
  return { type, ...verdict, lastTransitionTime: since ?? now.toISOString().replace(/\.\d+Z$/, "Z") };
}

/**
 * What the status of an ingress has to say: that its hosts are served as its generation wants it, once the proxy knows every
 * revision in it, and where the load balancers are. A Route is not ready before. Undefined where it says so already.
 */
export function ingressStatus(
  ingress: Ingress,
  knows: (place: Place) => boolean,
  settings: Pick<KnativeSettings, "platformNamespace" | "clusterDomain">,
  now: Date,
): IngressStatus | undefined {
  const verdict = verdictOf(placesOf(ingress).filter((place) => !knows(place)));
  const before = ingress.status?.conditions ?? [];
  const domain = `${settings.platformNamespace}.svc.${settings.clusterDomain}`;
  const at = (service: string) => ({ ingress: [{ domainInternal: `${service}.${domain}` }] });
  const status: IngressStatus = {
    observedGeneration: ingress.metadata.generation ?? 0,
    conditions: ["LoadBalancerReady", "NetworkConfigured", "Ready"].map((type) =>
      condition(type, verdict, before, now),
    ),
    publicLoadBalancer: at(EXTERNAL_SERVICE),
    // Exactly one: it becomes the external name of the Service that is named like the function.
    privateLoadBalancer: at(INTERNAL_SERVICE),
  };
  const { observedGeneration, conditions, publicLoadBalancer, privateLoadBalancer } = ingress.status ?? {};
  const live = { observedGeneration, conditions, publicLoadBalancer, privateLoadBalancer };
  return isDeepStrictEqual(live, status) ? undefined : status;
}
