import { delimiter } from "node:path";
import { type Config, PlatformError } from "@hanzo-fn/contract";
import { type ClusterAccess, inClusterAccess, kubeconfigAccess } from "@hanzo-fn/kubernetes";
import type { Clock } from "@hanzo-fn/lifecycle";

type Environment = Readonly<Record<string, string | undefined>>;

/** How the cluster is reached: by `knative.kubeconfig` (or KUBECONFIG), else as the pod that this runs in. */
export async function clusterAccess(
  { knative }: Config,
  env: Environment,
  clock: Clock,
): Promise<ClusterAccess> {
  const files = (knative.kubeconfig ?? "").split(delimiter).filter((file) => file !== "");
  if (files.length > 0) return kubeconfigAccess(clock, { files, environment: env });
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = env;
  if (host && port) return inClusterAccess(clock, { host, port });
  throw new PlatformError("bad_request", "there is no cluster to talk to", {
    component: "serve",
    next: "set knative.kubeconfig or KUBECONFIG, or run the platform in a pod",
  });
}
