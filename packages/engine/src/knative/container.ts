import { formatBytes, formatCpu } from "@hanzo-fn/contract";
import { environmentOf } from "./environment.ts";
import type { KnativeSettings } from "./settings.ts";
import type { RevisionWish } from "./wish.ts";

/** Ours, where Knative's default would depend on a config map. */
export const CONTAINER = "function";
const LIVENESS_PERIOD_S = 10;
/** Images are made for this user (docs/images.md). */
const USER = 65_532;

function resourcesOf({ desired, gpu }: RevisionWish, settings: KnativeSettings): Record<string, unknown> {
  const { cpuMillis, memoryBytes } = desired;
  const memory = formatBytes(memoryBytes);
  // A cold start under a limit of 250m takes several times as long; without a limit a quota on limits would refuse the pod.
  const cpu =
    settings.cpuLimitMillis === 0 ? {} : { cpu: formatCpu(Math.max(cpuMillis, settings.cpuLimitMillis)) };
  const device = gpu === undefined ? {} : { [gpu.resource]: String(gpu.count) };
  return {
    requests: { cpu: formatCpu(cpuMillis), memory },
    // HIP-60: what exceeds its memory is OOM-killed; a request below the limit would let a node overcommit.
    limits: { ...cpu, memory, ...device },
  };
}

/**
 * Readiness has no period, so that Knative's proxy asks every 50 ms and starts no probe of the kubelet. Liveness ends a
 * process whose event loop is blocked beyond the function's timeout, for which nobody waits any more. A grace period of
 * its own would be right here, but the Service's schema has no field for one.
 */
function probes(timeoutMs: number): Record<string, unknown> {
  return {
    readinessProbe: { httpGet: { path: "/.hanzo/ready" } },
    livenessProbe: {
      httpGet: { path: "/.hanzo/ping" },
      periodSeconds: LIVENESS_PERIOD_S,
      timeoutSeconds: 5,
      failureThreshold: Math.ceil(timeoutMs / 1000 / LIVENESS_PERIOD_S) + 1,
    },
  };
}

const SECURITY = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  runAsUser: USER,
  runAsGroup: USER,
  seccompProfile: { type: "RuntimeDefault" },
} as const;

export function containerOf(revision: RevisionWish, settings: KnativeSettings): Record<string, unknown> {
  return {
    name: CONTAINER,
    image: revision.image,
    env: environmentOf(revision, settings),
    resources: resourcesOf(revision, settings),
    securityContext: SECURITY,
    ...probes(revision.desired.timeoutMs),
    volumeMounts: [{ name: "tmp", mountPath: "/tmp" }],
  };
}
