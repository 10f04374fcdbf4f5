import type { KnativeSettings, Toleration } from "../settings.ts";
import { accessFindings, grant } from "./access.ts";
import { configFindings } from "./config-maps.ts";
import type { ClusterFacts, Finding, NodeFacts, Part } from "./facts.ts";
import { KEDA_CRD, versionFindings } from "./versions.ts";

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
  const { reachable, mayPush, message = "", url } = facts.registry;
  const host = settings.registry.split("/")[0] ?? "";
  const why = message === "" ? "" : `: ${message}`;
  if (!reachable) {
    return [
      {
        id: "registry.reachable",
        severity: "error",
        message: `the registry ${host} does not answer${why}`,
        command: `curl -v ${url ?? `https://${host}/`}v2/`,
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

function gateway({ gateway: probed = [] }: ClusterFacts, settings: KnativeSettings): Finding[] {
  const { platformAddresses, gatewayPort } = settings;
  if (platformAddresses.length > 0) {
    return probed.flatMap(({ address, state, message = "" }): Finding[] => {
      const command = `nc -vz ${address} ${gatewayPort}`;
      const where = `port ${gatewayPort} of ${address} (knative.platform_addresses)`;
      const why = message === "" ? "" : `: ${message}`;
      if (state === "open") return [];
      if (state === "refused") {
        const words = `nothing listens on ${where}: hanzo-fn serve is not running there yet`;
        return [{ id: `gateway.listening.${address}`, severity: "hint", message: words, command }];
      }
      const words = `${where} is not reached from here, and from pods hardly${why}: functions have no ctx.kv, ctx.storage, ctx.publish and ctx.model`;
      return [{ id: `gateway.reachable.${address}`, severity: "warning", message: words, command }];
    });
  }
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
  if (crds.includes(KEDA_CRD)) return [];
  const message = "KEDA is not installed: pull workers of Layer scale by the platform's own scaler";
  const command =
    "helm repo add kedacore https://kedacore.github.io/charts && helm install keda kedacore/keda -n keda --create-namespace";
  return [{ id: "keda.installed", severity: "hint", message, command }];
}

const RANK = { error: 0, warning: 1, hint: 2 } as const;

const PARTS: Readonly<Record<Part, { readonly resource: string; readonly about: string }>> = {
  crds: { resource: "customresourcedefinitions", about: "the kinds that the cluster serves" },
  configmaps: { resource: "configmaps", about: "Knative's config maps" },
  namespaces: { resource: "namespaces", about: "the namespaces" },
  runtimeclasses: { resource: "runtimeclasses.node.k8s.io", about: "the runtime classes" },
  nodes: { resource: "nodes", about: "the nodes" },
  access: {
    resource: "selfsubjectaccessreviews.authorization.k8s.io",
    about: "what the platform's account may do",
  },
};

/** What nobody could look at is not said to be well. */
function unread(facts: ClusterFacts, settings: KnativeSettings): Finding[] {
  return Object.entries(facts.unread ?? {}).map(([part, { reason, forbidden }]): Finding => {
    const { resource, about } = PARTS[part as Part];
    const verb = part === "access" ? "create" : "list";
    const command = forbidden
      ? grant(facts, settings, { name: "hanzo-functions-check", verbs: [verb], resource })
      : `kubectl auth can-i ${verb} ${resource} -A`;
    return { id: `unread.${part}`, severity: "warning", message: `${about} are unknown: ${reason}`, command };
  });
}

/** What a cluster lacks for the engine, worst first. */
export function checkCluster(facts: ClusterFacts, settings: KnativeSettings): Finding[] {
  const versions = facts.unread?.crds === undefined ? versionFindings(facts) : [];
  const isInstalled = !versions.some(({ id }) => id === "knative.installed");
  const ifRead = (part: Part, findings: (facts: ClusterFacts, settings: KnativeSettings) => Finding[]) =>
    facts.unread?.[part] === undefined ? findings(facts, settings) : [];
  return [
    ...versions,
    ...unread(facts, settings),
    ...(isInstalled ? ifRead("configmaps", configFindings) : []),
    ...accessFindings(facts, settings),
    ...ifRead("runtimeclasses", runtimeClasses),
    ...ifRead("nodes", nodes),
    ...registry(facts, settings),
    ...ifRead("namespaces", namespaces),
    ...gateway(facts, settings),
    ...ifRead("crds", keda),
  ].toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
}
