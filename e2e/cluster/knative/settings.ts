export const INGRESS_CLASS = "functions.ingress.networking.knative.dev";

/** Knative's ConfigMaps for tests: what our manifests need, and the shortest times that Knative takes. */
export function knativeSettings(queueImage: string): Record<string, Record<string, string>> {
  return {
    "config-network": { "ingress-class": INGRESS_CLASS, "autocreate-cluster-domain-claims": "true" },
    "config-domain": { "fn.example.test": "" },
    "config-deployment": {
      "queue-sidecar-image": queueImage,
      "queue-sidecar-cpu-request": "10m",
      "queue-sidecar-memory-request": "20Mi",
      "queue-sidecar-ephemeral-storage-request": "8Mi",
      "progress-deadline": "120s",
    },
    "config-autoscaler": {
      // The minimum.
      "stable-window": "6s",
      "panic-window-percentage": "20.0",
      "scale-to-zero-grace-period": "6s",
      "scale-to-zero-pod-retention-period": "0s",
      "allow-zero-initial-scale": "true",
    },
    "config-defaults": { "max-revision-timeout-seconds": "1800" },
    "config-features": Object.fromEntries(
      ["nodeselector", "tolerations", "runtimeclassname", "affinity", "fieldref", "securitycontext"].map(
        (field) => [`kubernetes.podspec-${field}`, "enabled"],
      ),
    ),
    "config-leader-election": { "lease-duration": "15s", "renew-deadline": "10s", "retry-period": "2s" },
  };
}
