import type { KnativeSettings } from "../settings.ts";
import type { ClusterFacts, Finding } from "./facts.ts";
import { garbled } from "./garbled.ts";

interface Rule {
  readonly map: string;
  readonly key: string;
  /** Knative's own value where the key is absent; null: the key has none. */
  readonly byDefault: string | null;
  readonly fits: (value: string) => boolean;
  /** The value that mends it; null removes the key. */
  readonly mend: string | null;
  readonly severity: Finding["severity"];
  readonly why: string;
}

/** A function may run 900 s, and its cold start comes on top (design: knative.md 1.1). */
const MAX_TIMEOUT_S = 900;

function atLeast(least: number): (value: string) => boolean {
  return (value) => /^\d+(\.\d+)?$/.test(value.trim()) && Number(value) >= least;
}

function is(wanted: string): (value: string) => boolean {
  return (value) => value.trim().toLowerCase() === wanted.toLowerCase();
}

function feature(key: string, why: string): Rule {
  const byDefault = key === "kubernetes.podspec-volumes-emptydir" ? "enabled" : "disabled";
  return {
    map: "config-features",
    key,
    byDefault,
    fits: is("enabled"),
    mend: "enabled",
    severity: "error",
    why,
  };
}

function features(settings: KnativeSettings): Rule[] {
  const { gpu, runtimeClass } = settings;
  const runtimeClasses = runtimeClass !== undefined || gpu.runtimeClass !== undefined;
  return [
    feature("kubernetes.podspec-fieldref", "instances learn their own names by it"),
    feature("kubernetes.podspec-volumes-emptydir", "/tmp of every instance is one"),
    ...(runtimeClasses
      ? [feature("kubernetes.podspec-runtimeclassname", "a runtime class is configured")]
      : []),
    ...(Object.keys(gpu.nodeSelector).length > 0
      ? [
          {
            ...feature("kubernetes.podspec-nodeselector", "GPU functions choose their nodes by it"),
            severity: "warning" as const,
          },
        ]
      : []),
    ...(gpu.tolerations.length > 0
      ? [
          {
            ...feature(
              "kubernetes.podspec-tolerations",
              "GPU functions tolerate the taints of GPU nodes by it",
            ),
            severity: "warning" as const,
          },
        ]
      : []),
  ];
}

function needed(settings: KnativeSettings): Rule[] {
  const least =
    MAX_TIMEOUT_S + Math.ceil(Math.max(settings.coldStartBudgetMs, settings.gpu.coldStartBudgetMs) / 1000);
  const rules: Rule[] = [
    {
      map: "config-defaults",
      key: "max-revision-timeout-seconds",
      byDefault: "600",
      fits: atLeast(least),
      mend: String(Math.max(1800, least)),
      severity: "error",
      why: `functions may run ${MAX_TIMEOUT_S} s, and their cold start counts too; longer ones are refused`,
    },
    {
      map: "config-defaults",
      key: "container-concurrency-max-limit",
      byDefault: "1000",
      fits: atLeast(1000),
      mend: "1000",
      severity: "warning",
      why: "functions with a higher resources.concurrency are refused",
    },
    {
      map: "config-autoscaler",
      key: "enable-scale-to-zero",
      byDefault: "true",
      fits: is("true"),
      mend: "true",
      severity: "warning",
      why: "functions without calls keep an instance otherwise",
    },
    {
      map: "config-autoscaler",
      key: "max-scale-limit",
      byDefault: "0",
      fits: (value) => Number(value) === 0 || atLeast(1000)(value),
      mend: "0",
      severity: "warning",
      why: "functions with a higher scaling.max_instances are refused",
    },
    {
      map: "config-autoscaler",
      key: "pod-autoscaler-class",
      byDefault: "kpa.autoscaling.knative.dev",
      fits: is("kpa.autoscaling.knative.dev"),
      mend: "kpa.autoscaling.knative.dev",
      severity: "error",
      why: "functions scale by concurrency and to zero, which Knative's own autoscaler alone does",
    },
  ];
  if (settings.zeroInitialScale) {
    rules.push({
      map: "config-autoscaler",
      key: "allow-zero-initial-scale",
      byDefault: "false",
      fits: is("true"),
      mend: "true",
      severity: "error",
      why: "knative.zero_initial_scale is on: revisions that begin with no instance are refused",
    });
  }
  if (settings.ingress === "native") {
    rules.push({
      map: "config-network",
      key: "ingress-class",
      byDefault: "istio.ingress.networking.knative.dev",
      fits: is(settings.ingressClass),
      mend: settings.ingressClass,
      severity: "warning",
      why: "the platform's proxy is the ingress: without it the Knative Services of others wait for another one (functions name the class themselves)",
    });
  }
  return rules;
}

const BETTER: readonly Rule[] = [
  {
    map: "config-deployment",
    key: "pod-is-always-schedulable",
    byDefault: "false",
    fits: is("true"),
    mend: "true",
    severity: "hint",
    why: "where an autoscaler adds nodes, a function that waits for one counts as failed otherwise",
  },
  {
    map: "config-deployment",
    key: "queue-sidecar-cpu-limit",
    byDefault: null,
    fits: () => false,
    mend: null,
    severity: "hint",
    why: "a CPU limit on Knative's proxy slows the slowest requests",
  },
  {
    map: "config-defaults",
    key: "revision-cpu-limit",
    byDefault: null,
    fits: () => false,
    mend: null,
    severity: "hint",
    why: "it limits functions where knative.cpu_limit is 0",
  },
  {
    map: "config-gc",
    key: "retain-since-create-time",
    byDefault: "48h",
    fits: is("disabled"),
    mend: "disabled",
    severity: "hint",
    why: "revisions are kept by number, as the platform does (knative.retention)",
  },
  {
    map: "config-gc",
    key: "retain-since-last-active-time",
    byDefault: "15h",
    fits: is("disabled"),
    mend: "disabled",
    severity: "hint",
    why: "revisions are kept by number, as the platform does (knative.retention)",
  },
  {
    map: "config-gc",
    key: "max-non-active-revisions",
    byDefault: "1000",
    fits: (value) => atLeast(1)(value) && Number(value) <= 100,
    mend: "10",
    severity: "hint",
    why: "every idle revision costs Knative's controllers memory",
  },
  {
    map: "config-network",
    key: "mesh-compatibility-mode",
    byDefault: "auto",
    fits: is("disabled"),
    mend: "disabled",
    severity: "hint",
    why: "a cold start is shorter where pods are reached directly and no mesh is looked for",
  },
];

function patchCommand(namespace: string, map: string, key: string, value: string | null): string {
  const patch = JSON.stringify({ data: { [key]: value } });
  return `kubectl patch configmap ${map} -n ${namespace} --type merge -p '${patch}'`;
}

function judged(rule: Rule, facts: ClusterFacts, namespace: string): Finding[] {
  const { map, key, byDefault, fits, mend, severity, why } = rule;
  const data = facts.configMaps[map];
  const value = data?.[key] ?? byDefault;
  if (value === null || fits(value)) return [];
  const origin = data?.[key] === undefined ? " (Knative's default)" : "";
  const wanted = mend === null ? "should not be set" : `should be ${mend}`;
  const message = `${map}: ${key} is ${value}${origin}, and ${wanted}: ${why}`;
  return [
    { id: `config.${map}.${key}`, severity, message, command: patchCommand(namespace, map, key, mend) },
  ];
}

function domain(facts: ClusterFacts, settings: KnativeSettings): Finding[] {
  const data = facts.configMaps["config-domain"] ?? {};
  if (Object.hasOwn(data, settings.domain)) return [];
  const message = `config-domain does not have ${settings.domain} (knative.domain): functions get hosts of another domain`;
  const command = patchCommand(settings.systemNamespace, "config-domain", settings.domain, "");
  return [{ id: `config.config-domain.${settings.domain}`, severity: "warning", message, command }];
}

/** What of Knative's config maps, edited by hand or never set, does not fit. */
export function configFindings(facts: ClusterFacts, settings: KnativeSettings): Finding[] {
  const { systemNamespace } = settings;
  const broken = garbled(facts).map(({ map, key, value, wrong }): Finding => {
    const message = `${map}: ${key} is ${JSON.stringify(value)}, which is ${wrong}: Knative refuses the whole config map and keeps what it read before`;
    const command = patchCommand(systemNamespace, map, key, null);
    return { id: `config.${map}.${key}`, severity: "error", message, command };
  });
  const ids = new Set(broken.map(({ id }) => id));
  const rules = [...features(settings), ...needed(settings), ...BETTER];
  const found = rules.flatMap((rule) => judged(rule, facts, systemNamespace));
  return [...broken, ...found.filter(({ id }) => !ids.has(id)), ...domain(facts, settings)];
}
