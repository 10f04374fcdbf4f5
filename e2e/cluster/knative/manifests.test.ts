import { expect, test } from "vitest";
import { addressesOf } from "../layout.ts";
import { KNATIVE_PROGRAMS, type KnativeProgram, knativeDaemon } from "./daemons.ts";
import { configured, nodeServices, withoutDescriptions } from "./manifests.ts";
import { collectionOf } from "./objects.ts";
import { knativeSettings } from "./settings.ts";

const addresses = addressesOf(0);

test("a definition loses its descriptions, and keeps a property of that name", () => {
  const schema = {
    description: "long",
    properties: {
      description: { type: "string", description: "long" },
      names: { items: [{ description: "x" }] },
    },
  };
  expect(withoutDescriptions(schema)).toEqual({
    properties: { description: { type: "string" }, names: { items: [{}] } },
  });
});

test("settings go over those of the manifests, and one of a map that Knative has not is refused", () => {
  const map = { metadata: { name: "config-network" }, data: { a: "1", "ingress-class": "other" } };
  const [changed] = configured([map], { "config-network": { "ingress-class": "functions" } });
  expect(changed?.data).toEqual({ a: "1", "ingress-class": "functions" });
  expect(() => configured([map], { "config-netwrok": {} })).toThrow("config-netwrok");
});

test("the sidecar is named by digest, and every field of pods that our manifests use is switched on", () => {
  const settings = knativeSettings("registry.local:5000/queue@sha256:0");
  expect(settings["config-deployment"]?.["queue-sidecar-image"]).toBe("registry.local:5000/queue@sha256:0");
  expect(settings["config-features"]?.["kubernetes.podspec-nodeselector"]).toBe("enabled");
  expect(settings["config-defaults"]?.["max-revision-timeout-seconds"]).toBe("1800");
});

test("services of the node have endpoints of the same name, with the ports that Knative's programs listen on", () => {
  const objects = nodeServices(addresses);
  expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`)).toEqual([
    ...[
      "Service activator-service",
      "Endpoints activator-service",
      "Service autoscaler",
      "Endpoints autoscaler",
    ],
    ...["Service webhook", "Endpoints webhook"],
  ]);
  expect(objects[1]).toMatchObject({
    subsets: [{ addresses: [{ ip: addresses.node }], ports: [{ port: 8012 }, { port: 8013 }] }],
  });
});

test("objects are created where their kind lives", () => {
  const of = (apiVersion: string, kind: string, namespace?: string): string =>
    collectionOf({
      apiVersion,
      kind,
      metadata: { name: "n", ...(namespace === undefined ? {} : { namespace }) },
    });
  expect(of("v1", "ConfigMap", "a")).toBe("/api/v1/namespaces/a/configmaps");
  expect(of("v1", "Endpoints", "a")).toBe("/api/v1/namespaces/a/endpoints");
  expect(of("rbac.authorization.k8s.io/v1", "ClusterRole")).toBe(
    "/apis/rbac.authorization.k8s.io/v1/clusterroles",
  );
});

test("no two of Knative's programs share a port on the node's address", () => {
  const names = Object.keys(KNATIVE_PROGRAMS) as KnativeProgram[];
  const daemons = names.map((name) => knativeDaemon(addresses, name, "/bin", "/kubeconfig"));
  const ports = daemons.flatMap(({ env }) => [env?.["PROFILING_PORT"], env?.["METRICS_PROMETHEUS_PORT"]]);
  expect(new Set(ports).size).toBe(8);
  expect(daemons.map(({ env }) => env?.["POD_IP"])).toEqual([
    addresses.knativeController,
    ...Array.from({ length: 3 }, () => addresses.node),
  ]);
});
