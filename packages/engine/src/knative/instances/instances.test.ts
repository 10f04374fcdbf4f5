import { createFakeClock, recordingLog } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { createFakeWatches } from "../../../test/fake-watches.ts";
import type { Lease } from "../../engine.ts";
import { settingsOf } from "../test-wishes.ts";
import { createKnativeInstances } from "./instances.ts";
import {
  ENDPOINT_SLICES,
  PODS,
  REVISIONS,
  type EndpointSlice,
  type LivePod,
  type Revision,
} from "./kinds.ts";

const MANAGED = { "app.kubernetes.io/managed-by": "hanzo-functions" };
const KEY = "acme/f-00001";
const NAMESPACE = "hanzo-functions-acme";
const signal = new AbortController().signal;

function revision(
  more: { burst?: string; labels?: Record<string, string>; deleted?: boolean } = {},
): Revision {
  const { burst = "0", labels = { ...MANAGED, "functions.hanzo.ai/function": "f" } } = more;
  return {
    apiVersion: "serving.knative.dev/v1",
    kind: "Revision",
    metadata: {
      name: "f-00001",
      namespace: NAMESPACE,
      labels,
      annotations: { "autoscaling.knative.dev/target-burst-capacity": burst },
      ...(more.deleted === true ? { deletionTimestamp: "2026-01-01T00:00:00Z" } : {}),
    },
    spec: { containerConcurrency: 10, containers: [{ resources: { limits: { memory: "256Mi" } } }] },
  };
}

function slice(type: "Private" | "Public", hosts: Record<string, string>): EndpointSlice {
  const labels = {
    ...MANAGED,
    "networking.internal.knative.dev/serverlessservice": "f-00001",
    "networking.internal.knative.dev/serviceType": type,
  };
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: { name: `f-00001-${type.toLowerCase()}`, namespace: NAMESPACE, labels },
    addressType: "IPv4",
    ports: [{ name: "http", port: 8012 }],
    endpoints: Object.entries(hosts).map(([name, host]) => ({
      addresses: [host],
      conditions: { ready: true },
      targetRef: { kind: "Pod", name },
    })),
  };
}

const activators = (hosts: Record<string, string>): EndpointSlice => ({
  ...slice("Public", hosts),
  metadata: {
    name: "activator-service-x",
    namespace: "knative-serving",
    labels: { "kubernetes.io/service-name": "activator-service" },
  },
});

const elsewhere = (object: EndpointSlice, namespace: string): EndpointSlice => ({
  ...object,
  metadata: { ...object.metadata, namespace },
});

function hostOf(lease: Lease | undefined): string | undefined {
  const address = lease?.target.address;
  return address?.kind === "tcp" ? address.host : undefined;
}

function world(pods: LivePod[] = []) {
  const clock = createFakeClock();
  const watches = createFakeWatches();
  const kubernetes = {
    watchObjects: watches.watchObjects,
    list: <T>() => Promise.resolve({ items: pods as T[], resourceVersion: "1" }),
  };
  const settings = { ...settingsOf("auth: {org: hanzo}"), queueDepth: 10, queueTimeoutMs: 30_000 };
  const instances = createKnativeInstances({ kubernetes, clock, log: recordingLog() }, settings);
  return { clock, watches, instances };
}

describe("instances on Knative", () => {
  it("know at the start what is there", async () => {
    const { watches, instances } = world();
    watches.put(REVISIONS, revision());
    watches.put(ENDPOINT_SLICES, slice("Private", { a: "10.1.0.1" }));
    await instances.start(signal);
    expect(hostOf(instances.tryAcquire(KEY))).toBe("10.1.0.1");
    expect(instances.knows(`${NAMESPACE}/f-00001`)).toBe(true);
  });

  it("find a revision whose pods were told of before it", async () => {
    const { watches, instances } = world();
    await instances.start(signal);
    watches.put(ENDPOINT_SLICES, slice("Private", { a: "10.1.0.1" }));
    expect(instances.tryAcquire(KEY)).toBeUndefined();
    watches.put(REVISIONS, revision());
    expect(hostOf(instances.tryAcquire(KEY))).toBe("10.1.0.1");
  });

  it("go through the activator while there is no pod, and to pods as soon as they come", async () => {
    const { watches, instances } = world();
    watches.put(REVISIONS, revision());
    watches.put(ENDPOINT_SLICES, activators({ x: "10.0.0.1", y: "10.0.0.2" }));
    await instances.start(signal);
    watches.put(ENDPOINT_SLICES, slice("Public", { "": "10.0.0.2" }));
    expect(hostOf(instances.tryAcquire(KEY))).toBe("10.0.0.2");
    watches.put(ENDPOINT_SLICES, slice("Private", { a: "10.1.0.1" }));
    expect(hostOf(instances.tryAcquire(KEY))).toBe("10.1.0.1");
    watches.remove(ENDPOINT_SLICES, slice("Private", {}));
    expect(hostOf(instances.tryAcquire(KEY))).toBe("10.0.0.2");
  });

  it("let those who wait go on when an activator comes", async () => {
    const { watches, instances } = world();
    watches.put(REVISIONS, revision());
    await instances.start(signal);
    const waiting = instances.acquire(KEY, signal);
    watches.put(ENDPOINT_SLICES, activators({ x: "10.0.0.1" }));
    expect(hostOf(await waiting)).toBe("10.0.0.1");
  });

  it("follow a change of how calls queue", async () => {
    const { watches, instances } = world();
    watches.put(REVISIONS, revision());
    watches.put(ENDPOINT_SLICES, activators({ x: "10.0.0.1" }));
    watches.put(ENDPOINT_SLICES, slice("Private", { a: "10.1.0.1" }));
    await instances.start(signal);
    expect(hostOf(instances.tryAcquire(KEY))).toBe("10.1.0.1");
    watches.put(REVISIONS, revision({ burst: "-1" }));
    expect(hostOf(instances.tryAcquire(KEY))).toBe("10.0.0.1");
  });

  it.each([
    ["is deleted", revision({ deleted: true })],
    ["is a function's no longer", revision({ labels: MANAGED })],
  ])("forget a revision that %s, tell who asked, and refuse its calls", async (_, next) => {
    const { watches, instances } = world();
    watches.put(REVISIONS, revision());
    await instances.start(signal);
    const told: string[] = [];
    instances.onRevision((place) => void told.push(place), signal);
    const waiting = instances.acquire(KEY, signal);
    watches.put(REVISIONS, next);
    await expect(waiting).rejects.toMatchObject({ code: "draining" });
    await expect(instances.acquire(KEY, signal)).rejects.toMatchObject({ code: "no_capacity" });
    expect(instances.knows(`${NAMESPACE}/f-00001`)).toBe(false);
    expect(told).toEqual([`${NAMESPACE}/f-00001`]);
  });

  it("ask the cluster's pods why a call broke, until they say", async () => {
    const pods: LivePod[] = [];
    const { watches, instances, clock } = world(pods);
    watches.put(REVISIONS, revision());
    watches.put(ENDPOINT_SLICES, activators({ x: "10.0.0.1" }));
    await instances.start(signal);
    const diagnosis = instances.tryAcquire(KEY)?.diagnose();
    await clock.advance(500);
    const terminated = {
      exitCode: 137,
      reason: "OOMKilled",
      finishedAt: new Date(clock.now()).toISOString(),
    };
    const containerStatuses = [{ name: "function", state: { terminated } }];
    pods.push({ ...PODS, metadata: { name: "a", namespace: NAMESPACE }, status: { containerStatuses } });
    await clock.advance(500);
    expect(await diagnosis).toMatchObject({ code: "out_of_memory" });
  });

  it("say what they know where the pods say nothing in time", async () => {
    const { watches, instances, clock } = world();
    watches.put(REVISIONS, revision());
    watches.put(ENDPOINT_SLICES, activators({ x: "10.0.0.1" }));
    await instances.start(signal);
    const diagnosis = instances.tryAcquire(KEY)?.diagnose();
    await clock.advance(10_000);
    expect(await diagnosis).toMatchObject({ code: "upstream_unreachable" });
  });

  it("tell an organisation's pods from another's by their address, ready or not, and activators from both", async () => {
    const { watches, instances } = world();
    expect(instances.isForeign("acme", "10.1.0.1")).toBe(false);
    await instances.start(signal);
    const own = slice("Private", { a: "10.1.0.1" });
    const starting = own.endpoints?.map((endpoint) => ({ ...endpoint, conditions: { ready: false } }));
    watches.put(ENDPOINT_SLICES, { ...own, endpoints: starting ?? null });
    watches.put(ENDPOINT_SLICES, slice("Public", { activator: "10.2.0.1" }));
    const asked = ["10.1.0.1", "10.2.0.1", "10.3.0.1"];
    expect(asked.map((address) => instances.isForeign("acme", address))).toEqual([false, false, false]);
    expect(asked.map((address) => instances.isForeign("other", address))).toEqual([true, false, false]);
    // An address that one pod gave back and another got, while both are still listed.
    watches.put(ENDPOINT_SLICES, elsewhere(own, "hanzo-functions-other"));
    expect(instances.isForeign("other", "10.1.0.1")).toBe(false);
    expect(instances.isForeign("hanzo", "10.1.0.1")).toBe(true);
  });

  it("refuse everybody who waits when they stop", async () => {
    const { watches, instances } = world();
    watches.put(REVISIONS, revision());
    await instances.start(signal);
    const waiting = instances.acquire(KEY, signal);
    await instances.stop(0);
    await expect(waiting).rejects.toMatchObject({ code: "draining" });
  });
});
