import { describe, expect, it } from "vitest";
import { activatorsFor, backendsOf, sliceOf } from "./endpoints.ts";
import type { Endpoint, EndpointSlice } from "./kinds.ts";

const PORTS = [
  { name: "http-queueadm", port: 8022 },
  { name: "http", port: 8012 },
];

function slice(endpoints: readonly Endpoint[], more: Partial<EndpointSlice> = {}): EndpointSlice {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: "s", namespace: "fns" },
    addressType: "IPv4",
    ports: PORTS,
    endpoints,
    ...more,
  };
}

const pod = (name: string, host: string, conditions: Endpoint["conditions"] = { ready: true }): Endpoint => ({
  addresses: [host],
  conditions,
  targetRef: { kind: "Pod", name },
});

describe("a slice", () => {
  it.each([
    ["Private", { place: "fns/f-00001", isPrivate: true }],
    ["Public", { place: "fns/f-00001", isPrivate: false }],
  ])("of a %s Service of a revision is about that revision", (type, about) => {
    const labels = {
      "networking.internal.knative.dev/serverlessservice": "f-00001",
      "networking.internal.knative.dev/serviceType": type,
    };
    expect(sliceOf(slice([], { metadata: { name: "s", namespace: "fns", labels } }))).toEqual(about);
  });

  it("of another Service is about none", () => {
    expect(sliceOf(slice([]))).toBeUndefined();
  });
});

describe("who takes calls", () => {
  it.each<[string, Endpoint["conditions"], number]>([
    ["is ready", { ready: true }, 1],
    ["says nothing of being ready", {}, 1],
    ["is not ready", { ready: false }, 0],
    ["is ready and about to end", { ready: true, terminating: true }, 0],
    ["serves, but is about to end", { ready: false, terminating: true }, 0],
  ])("a pod that %s", (_, conditions, count) => {
    expect(backendsOf([slice([pod("p", "10.0.0.1", conditions)])])).toHaveLength(count);
  });

  it("is reached at Knative's proxy, whatever else its Service has", () => {
    expect(backendsOf([slice([pod("p", "10.0.0.1")])])).toEqual([{ host: "10.0.0.1", port: 8012, pod: "p" }]);
    expect(backendsOf([slice([pod("p", "10.0.0.1")], { ports: null })])[0]?.port).toBe(8012);
  });

  it("is there once where a pod has addresses of both families", () => {
    const both = [slice([pod("p", "fd00::1")], { addressType: "IPv6" }), slice([pod("p", "10.0.0.1")])];
    expect(backendsOf(both).map(({ host }) => host)).toEqual(["10.0.0.1"]);
  });

  it("is nobody where the endpoints are null", () => {
    expect(backendsOf([slice([], { endpoints: null })])).toEqual([]);
  });
});

describe("the activators for a revision", () => {
  const one = { host: "10.0.0.1", port: 8012, pod: "activator-1" };
  const two = { host: "10.0.0.2", port: 8012, pod: "activator-2" };
  const instance = { host: "10.0.1.1", port: 8012, pod: "f-00001-deployment-1" };

  it("are those that its public Service names", () => {
    expect(activatorsFor([one, two], [{ ...two, pod: "" }])).toEqual([two]);
  });

  it("are all of them while it names pods, or nobody", () => {
    expect(activatorsFor([one, two], [instance])).toEqual([one, two]);
    expect(activatorsFor([one, two], [])).toEqual([one, two]);
  });
});
