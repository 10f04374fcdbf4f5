import { formatBytes, formatCpu, PlatformError, type Secret } from "@hanzo-fn/contract";
import { MANAGERS, type Applied, type KubeObject, type ObjectMeta } from "./kube.ts";
import { MANAGED_BY, ORG_ANNOTATION, organisationLabels } from "./labels.ts";
import { namespaceOf } from "./names.ts";
import { defaultDeny } from "./policies.ts";
import type { KnativeSettings } from "./settings.ts";

const NAME = "hanzo-functions";
export const PULL_SECRET = "hanzo-fn-registry";

function meta(org: string, settings: KnativeSettings, name: string): ObjectMeta {
  return { name, namespace: namespaceOf(org, settings), labels: organisationLabels(org) };
}

function namespaceObject(org: string, settings: KnativeSettings): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Namespace",
    metadata: {
      name: namespaceOf(org, settings),
      labels: {
        ...organisationLabels(org),
        "pod-security.kubernetes.io/enforce": settings.podSecurity,
        "pod-security.kubernetes.io/enforce-version": "latest",
      },
      annotations: { [ORG_ANNOTATION]: org },
    },
  };
}

/**
 * The budget, and what it needs: a quota on requests refuses containers that have none, as Knative's proxy has no memory
 * request unless the cluster sets one. No limits by default, since a CPU limit on that proxy slows every request.
 */
function budget(org: string, settings: KnativeSettings): KubeObject[] {
  const { cpuMillis, memoryBytes, gpus, pods } = settings.quota;
  const hard = {
    ...(cpuMillis === undefined ? {} : { "requests.cpu": formatCpu(cpuMillis) }),
    ...(memoryBytes === undefined ? {} : { "requests.memory": formatBytes(memoryBytes) }),
    ...(gpus === undefined ? {} : { "requests.nvidia.com/gpu": String(gpus) }),
    ...(pods === undefined ? {} : { pods: String(pods) }),
  };
  if (Object.keys(hard).length === 0) return [];
  const defaultRequest = { cpu: "25m", memory: "64Mi" };
  return [
    {
      apiVersion: "v1",
      kind: "LimitRange",
      metadata: meta(org, settings, NAME),
      spec: { limits: [{ type: "Container", defaultRequest }] },
    },
    { apiVersion: "v1", kind: "ResourceQuota", metadata: meta(org, settings, NAME), spec: { hard } },
  ];
}

/** Credentials of the registry as the kubelet reads them (`.dockerconfigjson`). */
function pullSecret(org: string, settings: KnativeSettings, credentials: Secret): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: meta(org, settings, PULL_SECRET),
    type: "kubernetes.io/dockerconfigjson",
    data: { ".dockerconfigjson": Buffer.from(credentials.reveal()).toString("base64") },
  };
}

/** An organisation's namespace and what is in it once, in the order in which it is applied. */
export function organisationResources(
  org: string,
  settings: KnativeSettings,
  registryCredentials?: Secret,
): Applied[] {
  const objects = [
    namespaceObject(org, settings),
    ...budget(org, settings),
    defaultDeny(org, settings),
    ...(registryCredentials === undefined ? [] : [pullSecret(org, settings, registryCredentials)]),
  ];
  return objects.map((object) => ({ manager: MANAGERS.deploy, object }));
}

/**
 * Throws `conflict` where the namespace that this organisation would get is somebody else's: it exists without our label,
 * or belongs to another organisation. Undefined: there is none yet.
 */
export function checkNamespace(
  live: { readonly metadata: ObjectMeta } | undefined,
  org: string,
  settings: KnativeSettings,
): void {
  if (live === undefined) return;
  const { name, labels = {}, annotations = {} } = live.metadata;
  const [key, value] = Object.entries(MANAGED_BY)[0] as [string, string];
  const component = "engine/knative";
  if (labels[key] !== value && name !== settings.namespace) {
    const message = `the namespace ${name} exists already and is not the platform's`;
    const next = `kubectl label namespace ${name} ${key}=${value} (or set knative.namespace to another prefix)`;
    throw new PlatformError("conflict", message, { component, next });
  }
  const owner = annotations[ORG_ANNOTATION];
  if (owner !== undefined && owner !== org) {
    const message = `the namespace ${name} belongs to the organisation ${owner}, not to ${org}`;
    const next = "set knative.namespace to a prefix that no other platform of this cluster uses";
    throw new PlatformError("conflict", message, { component, next });
  }
}
