import type { ClusterFacts, Finding } from "./facts.ts";

/** In-place changes of scaling and restarts of pods need 1.21; later ones than 1.23 were not tried. */
const KNATIVE = { first: [1, 21], last: [1, 23] } as const;
/** The oldest that Knative 1.23 starts on. */
const KUBERNETES_FIRST = [1, 34] as const;

function minor(version: string): readonly [number, number] | undefined {
  const match = /^v?(\d+)\.(\d+)(?:\.|$|[-+])/.exec(version);
  return match === null ? undefined : [Number(match[1]), Number(match[2])];
}

function before(a: readonly [number, number], b: readonly [number, number]): boolean {
  return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}

const INSTALL = `https://github.com/knative/serving/releases/download/knative-v${KNATIVE.last.join(".")}.0`;
const INSTALL_COMMAND = `kubectl apply -f ${INSTALL}/serving-crds.yaml && kubectl apply -f ${INSTALL}/serving-core.yaml`;

function kubernetes({ kubernetesVersion }: ClusterFacts): Finding[] {
  const id = "kubernetes.version";
  const found = minor(kubernetesVersion);
  if (found === undefined || !before(found, KUBERNETES_FIRST)) return [];
  const message = `Kubernetes ${kubernetesVersion} is too old: Knative ${KNATIVE.last.join(".")} needs ${KUBERNETES_FIRST.join(".")}`;
  return [{ id, severity: "error", message, command: "kubectl version" }];
}

/** The kinds without which there is no Knative Serving. */
export const CRDS: readonly string[] = [
  "services.serving.knative.dev",
  "configurations.serving.knative.dev",
  "revisions.serving.knative.dev",
  "routes.serving.knative.dev",
  "ingresses.networking.internal.knative.dev",
  "serverlessservices.networking.internal.knative.dev",
  "podautoscalers.autoscaling.internal.knative.dev",
];

function knative({ knativeVersion, crds }: ClusterFacts): Finding[] {
  const missing = CRDS.filter((name) => !crds.includes(name));
  if (missing.length > 0) {
    const all = missing.length === CRDS.length;
    const message = all ? "Knative Serving is not installed" : `Knative Serving lacks ${missing.join(", ")}`;
    return [{ id: "knative.installed", severity: "error", message, command: INSTALL_COMMAND }];
  }
  const id = "knative.version";
  const range = `${KNATIVE.first.join(".")} to ${KNATIVE.last.join(".")}`;
  const found = knativeVersion === undefined ? undefined : minor(knativeVersion);
  if (found === undefined) {
    const message = `the version of Knative Serving cannot be told (${knativeVersion ?? "no label"}); ${range} are known to work`;
    const command = "kubectl get crd services.serving.knative.dev -o jsonpath='{.metadata.labels}'";
    return [{ id, severity: "warning", message, command }];
  }
  if (before(found, KNATIVE.first)) {
    const message = `Knative Serving ${knativeVersion} is not supported: it reverts changes of scaling and restarts of pods that are made in place; ${range} are`;
    return [{ id, severity: "error", message, command: INSTALL_COMMAND }];
  }
  if (!before(KNATIVE.last, found)) return [];
  const message = `Knative Serving ${knativeVersion} was not tried; ${range} are known to work`;
  return [{ id, severity: "warning", message, command: INSTALL_COMMAND }];
}

export const KEDA_CRD = "scaledobjects.keda.sh";

export function versionFindings(facts: ClusterFacts): Finding[] {
  return [...kubernetes(facts), ...knative(facts)];
}
