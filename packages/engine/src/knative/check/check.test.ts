import { describe, expect, it } from "vitest";
import { FULL_CONFIG, settingsOf } from "../test-wishes.ts";
import { requiredAccess } from "./access.ts";
import type { ClusterFacts, NodeFacts } from "./facts.ts";
import { checkCluster } from "./findings.ts";

const SETTINGS = settingsOf(FULL_CONFIG);

const NODE: NodeFacts = { name: "n1", ready: true, labels: {}, taints: [], allocatable: { cpu: "8" } };
const GPU_NODE: NodeFacts = {
  name: "g1",
  ready: true,
  labels: { "nvidia.com/gpu.present": "true" },
  taints: [{ key: "nvidia.com/gpu", effect: "NoSchedule" }],
  allocatable: { "nvidia.com/gpu": "1" },
};

/** A cluster that lacks nothing for SETTINGS. */
const GOOD: ClusterFacts = {
  kubernetesVersion: "v1.35.4",
  knativeVersion: "1.23.0",
  crds: [
    ...["services", "configurations", "revisions", "routes"].map((name) => `${name}.serving.knative.dev`),
    "ingresses.networking.internal.knative.dev",
    "serverlessservices.networking.internal.knative.dev",
    "podautoscalers.autoscaling.internal.knative.dev",
    "scaledobjects.keda.sh",
  ],
  configMaps: {
    "config-defaults": { _example: "anything: goes", "max-revision-timeout-seconds": "1800" },
    "config-features": {
      "kubernetes.podspec-fieldref": "enabled",
      "kubernetes.podspec-runtimeclassname": "Enabled",
      "kubernetes.podspec-nodeselector": "enabled",
      "kubernetes.podspec-tolerations": "enabled",
    },
    "config-autoscaler": { "allow-zero-initial-scale": "true" },
    "config-deployment": { "pod-is-always-schedulable": "true" },
    "config-gc": {
      "retain-since-create-time": "disabled",
      "retain-since-last-active-time": "disabled",
      "max-non-active-revisions": "10",
    },
    "config-network": {
      "ingress-class": "functions.ingress.networking.knative.dev",
      "mesh-compatibility-mode": "disabled",
    },
    "config-domain": { "fn.hanzo.ai": "" },
  },
  namespaces: [{ name: "hanzo", labels: { name: "hanzo" } }],
  runtimeClasses: ["gvisor", "nvidia"],
  nodes: [NODE, GPU_NODE],
  registry: { reachable: true, mayPush: true },
  access: requiredAccess(SETTINGS).map((access) => ({ ...access, allowed: true })),
};

function withConfig(map: string, data: Record<string, string>): Partial<ClusterFacts> {
  return { configMaps: { ...GOOD.configMaps, [map]: { ...GOOD.configMaps[map], ...data } } };
}

function withoutConfig(map: string): Partial<ClusterFacts> {
  return { configMaps: { ...GOOD.configMaps, [map]: undefined } };
}

function idsOf(facts: Partial<ClusterFacts>, settings = SETTINGS): string[] {
  return checkCluster({ ...GOOD, ...facts }, settings).map(({ severity, id }) => `${severity} ${id}`);
}

describe("the check of a cluster", () => {
  it("finds nothing where nothing is lacking", () => {
    expect(checkCluster(GOOD, SETTINGS)).toEqual([]);
  });

  it.each<[string, Partial<ClusterFacts>, string[]]>([
    ["an old Kubernetes", { kubernetesVersion: "v1.33.9" }, ["error kubernetes.version"]],
    ["no Knative", { crds: ["scaledobjects.keda.sh"] }, ["error knative.installed"]],
    ["half a Knative", { crds: GOOD.crds.slice(1) }, ["error knative.installed"]],
    ["an old Knative", { knativeVersion: "1.20.3" }, ["error knative.version"]],
    ["a Knative that nobody tried", { knativeVersion: "v1.24.0" }, ["warning knative.version"]],
    ["a Knative that does not say which", { knativeVersion: "devel" }, ["warning knative.version"]],
    [
      "a timeout below what functions may ask for",
      withConfig("config-defaults", { "max-revision-timeout-seconds": "600" }),
      ["error config.config-defaults.max-revision-timeout-seconds"],
    ],
    [
      "the same by Knative's default",
      withoutConfig("config-defaults"),
      ["error config.config-defaults.max-revision-timeout-seconds"],
    ],
    [
      "a number that is none",
      withConfig("config-autoscaler", { "max-scale-limit": "many" }),
      ["error config.config-autoscaler.max-scale-limit"],
    ],
    [
      "a duration that is none",
      withConfig("config-autoscaler", { "stable-window": "60" }),
      ["error config.config-autoscaler.stable-window"],
    ],
    [
      "a word where Knative knows one other alone",
      withConfig("config-gc", { "retain-since-create-time": "never" }),
      ["error config.config-gc.retain-since-create-time"],
    ],
    [
      "a gateway that nobody serves yet",
      { gateway: [{ address: "192.0.2.7", state: "refused" }] },
      ["hint gateway.listening.192.0.2.7"],
    ],
    [
      "a gateway that is not reached",
      { gateway: [{ address: "192.0.2.7", state: "silent", message: "no route" }] },
      ["warning gateway.reachable.192.0.2.7"],
    ],
    [
      "what could not be read, and nothing about it",
      {
        unread: {
          crds: { reason: "503", forbidden: false },
          configmaps: { reason: "forbidden", forbidden: true },
          nodes: { reason: "forbidden", forbidden: true },
        },
        ...{ crds: [], configMaps: {}, nodes: [] },
      },
      ["warning unread.crds", "warning unread.configmaps", "warning unread.nodes"],
    ],
    [
      "a feature that is off",
      withConfig("config-features", { "kubernetes.podspec-fieldref": "disabled" }),
      ["error config.config-features.kubernetes.podspec-fieldref"],
    ],
    [
      "a feature that somebody turned off by hand",
      withConfig("config-features", { "kubernetes.podspec-volumes-emptydir": "disabled" }),
      ["error config.config-features.kubernetes.podspec-volumes-emptydir"],
    ],
    [
      "a zero that is not allowed",
      withoutConfig("config-autoscaler"),
      ["error config.config-autoscaler.allow-zero-initial-scale"],
    ],
    [
      "another ingress class",
      withConfig("config-network", { "ingress-class": "kourier.ingress.networking.knative.dev" }),
      ["warning config.config-network.ingress-class"],
    ],
    [
      "a CPU limit on Knative's proxy",
      withConfig("config-deployment", { "queue-sidecar-cpu-limit": "1" }),
      ["hint config.config-deployment.queue-sidecar-cpu-limit"],
    ],
    ["another domain", withoutConfig("config-domain"), ["warning config.config-domain.fn.hanzo.ai"]],
    ["a runtime class that is missing", { runtimeClasses: ["nvidia"] }, ["error runtime-class.gvisor"]],
    [
      "a GPU's runtime class that is missing",
      { runtimeClasses: ["gvisor"] },
      ["warning runtime-class.nvidia"],
    ],
    ["no nodes", { nodes: [] }, ["error nodes.ready", "hint nodes.gpu"]],
    ["nodes with taints alone", { nodes: [GPU_NODE] }, ["error nodes.ready"]],
    ["no GPU", { nodes: [NODE] }, ["hint nodes.gpu"]],
    [
      "a GPU node without its label",
      { nodes: [NODE, { ...GPU_NODE, labels: {} }] },
      ["warning nodes.gpu-labels"],
    ],
    [
      "a GPU node with a taint of its own",
      { nodes: [NODE, { ...GPU_NODE, taints: [{ key: "team", value: "a", effect: "NoExecute" }] }] },
      ["warning nodes.gpu-taints"],
    ],
    [
      "a registry that does not answer",
      { registry: { reachable: false, mayPush: false, message: "timeout" } },
      ["error registry.reachable"],
    ],
    [
      "a registry that takes nothing",
      { registry: { reachable: true, mayPush: false } },
      ["error registry.push"],
    ],
    [
      "no namespace of the platform",
      { namespaces: [] },
      ["error namespace.platform", "warning namespace.egress"],
    ],
    ["no KEDA", { crds: GOOD.crds.slice(0, -1) }, ["hint keda.installed"]],
  ])("finds %s", (_, facts, ids) => {
    expect(idsOf(facts)).toEqual(ids);
  });

  it("has a command for everything it finds", () => {
    const nothing: ClusterFacts = {
      ...GOOD,
      crds: GOOD.crds.slice(0, -1),
      configMaps: {},
      namespaces: [],
      runtimeClasses: [],
      nodes: [],
      registry: { reachable: true, mayPush: false },
      access: GOOD.access.map((access) => ({ ...access, allowed: false })),
    };
    const findings = checkCluster(nothing, { ...SETTINGS, platformAddresses: [] });
    expect(findings.filter(({ command }) => command === undefined || command === "")).toEqual([]);
    expect(findings.length).toBeGreaterThan(25);
    expect(new Set(findings.map(({ id }) => id)).size).toBe(findings.length);
  });

  it("mends a config map by a patch that can be pasted", () => {
    const [finding] = checkCluster({ ...GOOD, ...withoutConfig("config-defaults") }, SETTINGS);
    expect(finding?.command).toBe(
      `kubectl patch configmap config-defaults -n knative-serving --type merge -p '{"data":{"max-revision-timeout-seconds":"1800"}}'`,
    );
  });

  it("says which rights are missing, one finding a resource", () => {
    const access = GOOD.access.map((item) => ({
      ...item,
      allowed: item.resource !== "secrets" || item.verb === "get",
    }));
    const [finding, ...more] = checkCluster({ ...GOOD, access }, SETTINGS);
    expect(more).toEqual([]);
    expect(finding?.message).toBe("the platform may not list,watch,create,patch,delete secrets");
    expect(finding?.command).toContain("--resource=secrets");
  });

  it.each([
    ["system:serviceaccount:fns:runner", "--serviceaccount=fns:runner"],
    ["ann@example.com", "--user='ann@example.com'"],
    [undefined, "--serviceaccount=hanzo:hanzo-functions"],
  ])("grants what is missing to the account that asked: %s", (user, grantee) => {
    const access = [{ group: "", resource: "pods/log", verb: "get", allowed: false }];
    const [finding] = checkCluster({ ...GOOD, user, access }, SETTINGS);
    expect(finding?.command).toBe(
      `kubectl create clusterrole hanzo-functions-pods-log --verb=get --resource=pods/log && kubectl create clusterrolebinding hanzo-functions-pods-log --clusterrole=hanzo-functions-pods-log ${grantee}`,
    );
  });

  it("asks for no more than the settings need", () => {
    const plain = settingsOf("images: {registry: r.example/f}\nknative: {ingress: external}");
    const facts = {
      ...withConfig("config-autoscaler", { "allow-zero-initial-scale": "false" }),
      runtimeClasses: [],
    };
    expect(idsOf(facts, plain)).toEqual(["warning gateway.addresses"]);
    const resources = requiredAccess(plain).map(({ resource }) => resource);
    expect(resources).not.toContain("ingresses");
    expect(resources).not.toContain("resourcequotas");
  });
});
