import type { KnativeSettings, Toleration } from "../settings.ts";
import { accessFindings } from "./access.ts";
import { configFindings } from "./config-maps.ts";
import type { ClusterFacts, Finding, NodeFacts } from "./facts.ts";
import { versionFindings } from "./versions.ts";

function runtimeClasses({ runtimeClasses: present }: ClusterFacts, settings: KnativeSettings): Finding[] {
  const named = [
    ["knative.runtime_class", settings.runtimeClass, "error"],
    ["knative.gpu.runtime_class", settings.gpu.runtimeClass, "warning"],
  ] as const;
  return named.flatMap(([key, name, severity]): Finding[] => {
    if (name === undefined || present.includes(name)) return [];
    const object = { apiVersion: "node.k8s.io/v1", kind: "RuntimeClass", metadata: { name }, handler: name };
    const command = `echo '${JSON.stringify(object)}' | kubectl apply -f -`;
    const message = `the runtime class ${name} (${key}) does not exist; its handler has to be installed on the nodes too`;
    return [{ id: `runtime-class.${name}`, severity, message, command }];
  });
}

function tolerates(tolerations: readonly Toleration[], taint: NodeFacts["taints"][number]): boolean {
  return tolerations.some(
    ({ key, operator, value, effect }) =>
      key === taint.key &&
      (effect === undefined || effect === taint.effect) &&
      (operator === "Exists" || value === (taint.value ?? "")),
  );
}

function isOpen({ ready, taints }: NodeFacts, tolerations: readonly Toleration[]): boolean {
  return (
    ready && taints.every((taint) => taint.effect === "PreferNoSchedule" || tolerates(tolerations, taint))
  );
}

function nodes({ nodes: all }: ClusterFacts, { gpu }: KnativeSettings): Finding[] {
  const findings: Finding[] = [];
  if (!all.some((node) => isOpen(node, []))) {
    const message =
      all.length === 0
        ? "the cluster has no nodes"
        : "no node is ready and without taints: no function can run";
    findings.push({ id: "nodes.ready", severity: "error", message, command: "kubectl get nodes" });
  }
  const withGpu = all.filter(({ allocatable }) =>
    Object.entries(allocatable).some(
      ([name, count]) => /gpu/.test(name) && name.includes("/") && Number(count) > 0,
    ),
  );
  if (withGpu.length === 0) {
    const message = "no node has a GPU: functions with resources.gpu cannot run";
    const command =
      "kubectl get nodes -o custom-columns=NAME:.metadata.name,GPU:.status.allocatable.nvidia\\\\.com/gpu";
    return [...findings, { id: "nodes.gpu", severity: "hint", message, command }];
  }
  const labelled = withGpu.filter(({ labels }) =>
    Object.entries(gpu.nodeSelector).every(([key, value]) => labels[key] === value),
  );
  if (labelled.length === 0) {
    const labels = Object.entries(gpu.nodeSelector)
      .map(([key, value]) => `${key}=${value}`)
      .join(" ");
    const message = `no GPU node has the labels of knative.gpu.node_selector (${labels})`;
    const command = `kubectl label node ${withGpu.map(({ name }) => name).join(" ")} ${labels}`;
    return [...findings, { id: "nodes.gpu-labels", severity: "warning", message, command }];
  }
  const closed = labelled.filter((node) => !isOpen(node, gpu.tolerations));
  if (closed.length < labelled.length) return findings;
  const taints = closed.flatMap(({ taints: list }) => list).map(({ key, effect }) => `${key}:${effect}`);
  const message = `all GPU nodes have taints that knative.gpu.tolerations does not tolerate, or are not ready (${[...new Set(taints)].join(", ")})`;
  return [
    ...findings,
    { id: "nodes.gpu-taints", severity: "warning", message, command: "kubectl describe nodes" },
  ];
}

function registry(facts: ClusterFacts, settings: KnativeSettings): Finding[] {
  if (settings.registry === undefined) {
    const message =
      "no registry is configured (images.registry): function images have no place to be pushed to";
    return [
      {
        id: "registry.configured",
        severity: "error",
        message,
        command: "export HANZO_FN_IMAGES_REGISTRY=registry.example.com/functions",
      },
    ];
  }
  if (facts.registry === undefined) return [];
  const { reachable, mayPush, message = "" } = facts.registry;
  const host = settings.registry.split("/")[0] ?? "";
  const why = message === "" ? "" : `: ${message}`;
  if (!reachable) {
    return [
      {
        id: "registry.reachable",
        severity: "error",
        message: `the registry ${host} does not answer${why}`,
        command: `curl -v https://${host}/v2/`,
      },
    ];
  }
  if (mayPush) return [];
  return [
    {
      id: "registry.push",
      severity: "error",
      message: `the registry ${host} does not let the platform push${why}`,
      command: `docker login ${host}`,
    },
  ];
}

function namespaces(facts: ClusterFacts, settings: KnativeSettings): Finding[] {
  const { platformNamespace, egress } = settings;
  const [key = "", value = ""] = egress.namespaceLabel.split("=");
  const findings: Finding[] = [];
  if (!facts.namespaces.some(({ name }) => name === platformNamespace)) {
    const message = `the namespace ${platformNamespace} (knative.platform_namespace) does not exist`;
    findings.push({
      id: "namespace.platform",
      severity: "error",
      message,
      command: `kubectl create namespace ${platformNamespace}`,
    });
  }
  if (egress.ports.length > 0 && !facts.namespaces.some(({ labels }) => labels[key] === value)) {
    const message = `no namespace has the label ${egress.namespaceLabel} (knative.egress.namespace_label): functions reach none of the platform's services`;
    findings.push({
      id: "namespace.egress",
      severity: "warning",
      message,
      command: `kubectl label namespace ${platformNamespace} ${egress.namespaceLabel}`,
    });
  }
  return findings;
}

function gateway({ platformAddresses }: KnativeSettings): Finding[] {
  if (platformAddresses.length > 0) return [];
  const message =
    "knative.platform_addresses is empty: functions have no ctx.kv, ctx.storage, ctx.publish and ctx.model";
  return [
    {
      id: "gateway.addresses",
      severity: "warning",
      message,
      command: "export HANZO_FN_KNATIVE_PLATFORM_ADDRESSES=$(hostname -I | cut -d' ' -f1)",
    },
  ];
}

function keda({ crds }: ClusterFacts): Finding[] {
  if (crds.includes("scaledobjects.keda.sh")) return [];
  const message = "KEDA is not installed: pull workers of Layer scale by the platform's own scaler";
  const command =
    "helm repo add kedacore https://kedacore.github.io/charts && helm install keda kedacore/keda -n keda --create-namespace";
  return [{ id: "keda.installed", severity: "hint", message, command }];
}

const RANK = { error: 0, warning: 1, hint: 2 } as const;

/** What a cluster lacks for the engine, worst first. A cluster that cannot be asked has that one finding. */
export function checkCluster(facts: ClusterFacts, settings: KnativeSettings): Finding[] {
  const versions = versionFindings(facts);
  if (facts.kubernetesVersion === undefined) return versions;
  const isInstalled = !versions.some(({ id }) => id === "knative.installed");
  return [
    ...versions,
    ...(isInstalled ? configFindings(facts, settings) : []),
    ...accessFindings(facts, settings),
    ...runtimeClasses(facts, settings),
    ...nodes(facts, settings),
    ...registry(facts, settings),
    ...namespaces(facts, settings),
    ...gateway(settings),
    ...keda(facts),
  ].toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
}
