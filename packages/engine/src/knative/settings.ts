import type { Config } from "@hanzo-fn/contract";

export interface Toleration {
  readonly key: string;
  readonly operator: "Exists" | "Equal";
  readonly value?: string;
  readonly effect?: string;
}

/** What the functions of this module need of the configuration (sections `knative` and `images`). */
export interface KnativeSettings {
  readonly kubeconfig?: string | undefined;
  /** The home organisation's namespace; those of the others begin with it. */
  readonly namespace: string;
  readonly homeOrg: string;
  readonly domain: string;
  /** Where Knative Serving's own programs run. */
  readonly systemNamespace: string;
  /** Where the platform's own objects are, the gateway's Service first of all. */
  readonly platformNamespace: string;
  readonly clusterDomain: string;
  /** `native`: the invocation proxy is the ingress. `external`: another one is, and the proxy sends through it. */
  readonly ingress: "native" | "external";
  readonly ingressClass: string;
  /** Where the platform runs, seen from pods: the gateway's endpoints, and who may reach pods. Addresses, no names. */
  readonly platformAddresses: readonly string[];
  readonly gatewayPort: number;
  /** Where the invocation proxy listens. */
  readonly invokePort: number;
  /** `host[:port][/path]` that function images are pushed to. */
  readonly registry?: string | undefined;
  readonly coldStartBudgetMs: number;
  readonly progressDeadlineMs: number;
  /** Least CPU limit in thousandths of a core; 0: functions have none. */
  readonly cpuLimitMillis: number;
  readonly tmpBytes: number;
  readonly podSecurity: "privileged" | "baseline" | "restricted";
  readonly runtimeClass?: string | undefined;
  /** The cluster lets revisions begin with no instance, as GPU functions and proven revisions then do. */
  readonly zeroInitialScale: boolean;
  readonly gpu: {
    readonly runtimeClass?: string | undefined;
    readonly nodeSelector: Readonly<Record<string, string>>;
    readonly tolerations: readonly Toleration[];
    readonly coldStartBudgetMs: number;
    readonly progressDeadlineMs: number;
  };
  readonly egress: {
    /** Label of the namespaces whose services functions may reach, as `key=value`. */
    readonly namespaceLabel: string;
    readonly ports: readonly number[];
    /** `ports`: what a function lists opens its port to all public addresses. `none`: only addresses are opened, no names. */
    readonly external: "ports" | "none";
  };
  /** Budget of one organisation's namespace; without any no quota is made. */
  readonly quota: {
    readonly cpuMillis?: number | undefined;
    readonly memoryBytes?: number | undefined;
    readonly gpus?: number | undefined;
    readonly pods?: number | undefined;
  };
  readonly retention: {
    /** Revisions kept besides those with traffic. */
    readonly revisions: number;
    /** Nothing younger is collected. */
    readonly minAgeMs: number;
  };
}

/** `key[=value][:effect]`, as kubectl writes taints. */
function toleration(text: string): Toleration {
  const [, key = "", value, effect] = /^([^=:]+)(?:=([^:]*))?(?::(.+))?$/.exec(text) ?? [];
  return {
    key,
    operator: value === undefined ? "Exists" : "Equal",
    ...(value === undefined ? {} : { value }),
    ...(effect === undefined ? {} : { effect }),
  };
}

export function knativeSettings({ knative, images, auth, server }: Config): KnativeSettings {
  const { gpu, egress, quota, retention } = knative;
  return {
    kubeconfig: knative.kubeconfig,
    namespace: knative.namespace,
    homeOrg: knative.homeOrg ?? auth.org,
    domain: knative.domain,
    systemNamespace: knative.systemNamespace,
    platformNamespace: knative.platformNamespace,
    clusterDomain: knative.clusterDomain,
    ingress: knative.ingress,
    ingressClass: knative.ingressClass,
    platformAddresses: knative.platformAddresses,
    gatewayPort: knative.gatewayPort,
    invokePort: server.invokePort,
    registry: images.registry,
    coldStartBudgetMs: knative.coldStartBudgetMs,
    progressDeadlineMs: knative.progressDeadlineMs,
    cpuLimitMillis: knative.cpuLimit,
    tmpBytes: knative.tmpBytes,
    podSecurity: knative.podSecurity,
    runtimeClass: knative.runtimeClass,
    zeroInitialScale: knative.zeroInitialScale,
    gpu: {
      runtimeClass: gpu.runtimeClass,
      nodeSelector: gpu.nodeSelector,
      tolerations: gpu.tolerations.map(toleration),
      coldStartBudgetMs: gpu.coldStartBudgetMs,
      progressDeadlineMs: gpu.progressDeadlineMs,
    },
    egress: {
      namespaceLabel: egress.namespaceLabel,
      ports: egress.ports,
      external: egress.external,
    },
    quota: {
      cpuMillis: quota.cpu,
      memoryBytes: quota.memory,
      gpus: quota.gpus,
      pods: quota.pods,
    },
    retention: { revisions: retention.revisions, minAgeMs: retention.minAgeMs },
  };
}
