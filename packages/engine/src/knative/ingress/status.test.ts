import { describe, expect, it } from "vitest";
import type { Ingress, IngressStatus } from "./kinds.ts";
import { ingressStatus, placesOf } from "./status.ts";

const SETTINGS = { platformNamespace: "hanzo", clusterDomain: "cluster.local" };
const NOW = new Date("2026-01-01T00:00:00.123Z");
const LATER = new Date("2026-01-01T01:00:00Z");

const split = (revision: string, percent: number) => ({
  serviceNamespace: "fns",
  serviceName: revision,
  percent,
});

function ingress(status?: IngressStatus, generation = 3): Ingress {
  const paths = [{ splits: [split("f-00001", 90), split("f-00002", 10)] }];
  const tagged = [{ splits: [split("f-00002", 100)] }];
  return {
    apiVersion: "networking.internal.knative.dev/v1alpha1",
    kind: "Ingress",
    metadata: { name: "f", namespace: "fns", generation },
    spec: { rules: [{ http: { paths } }, { http: { paths: tagged } }, {}] },
    ...(status === undefined ? {} : { status }),
  };
}

const all = (): boolean => true;
const READY = ingressStatus(ingress(), all, SETTINGS, NOW) as IngressStatus;

describe("the status of an ingress", () => {
  it("is about every revision that it names, once", () => {
    expect(placesOf(ingress())).toEqual(["fns/f-00001", "fns/f-00002"]);
  });

  it("says that it is served, for which generation, and where", () => {
    const lastTransitionTime = "2026-01-01T00:00:00Z";
    expect(READY).toEqual({
      observedGeneration: 3,
      conditions: [
        { type: "LoadBalancerReady", status: "True", lastTransitionTime },
        { type: "NetworkConfigured", status: "True", lastTransitionTime },
        { type: "Ready", status: "True", lastTransitionTime },
      ],
      publicLoadBalancer: { ingress: [{ domainInternal: "hanzo-fn-invoke.hanzo.svc.cluster.local" }] },
      privateLoadBalancer: {
        ingress: [{ domainInternal: "hanzo-fn-invoke-internal.hanzo.svc.cluster.local" }],
      },
    });
  });

  it("is not written again where it is right", () => {
    expect(ingressStatus(ingress(READY), all, SETTINGS, LATER)).toBeUndefined();
  });

  it("follows the generation, and keeps the time since when it is ready", () => {
    const next = ingressStatus(ingress(READY, 4), all, SETTINGS, LATER);
    expect(next).toEqual({ ...READY, observedGeneration: 4 });
  });

  it("is not ready while the proxy does not know one of the revisions, and says which", () => {
    const next = ingressStatus(ingress(READY), (place) => place !== "fns/f-00002", SETTINGS, LATER);
    expect(next?.conditions[2]).toEqual({
      type: "Ready",
      status: "Unknown",
      reason: "RevisionUnknown",
      message: "the invocation proxy does not know fns/f-00002 yet",
      lastTransitionTime: "2026-01-01T01:00:00Z",
    });
    expect(ingressStatus(ingress(next), all, SETTINGS, LATER)?.conditions[2]?.status).toBe("True");
  });

  it("is written again where somebody else changed it", () => {
    const edited = { ...READY, privateLoadBalancer: { ingress: [] } };
    expect(ingressStatus(ingress(edited), all, SETTINGS, LATER)).toEqual(READY);
  });
});
