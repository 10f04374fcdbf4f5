import { join, sep } from "node:path";

/** A cluster that others started. */
export interface ExistingCluster {
  readonly kubeconfig: string;
  readonly registry: { readonly inside: string; readonly outside: string };
  readonly hostAddress: string;
}

const NEEDED = "CLUSTER_REGISTRY=host:port and CLUSTER_HOST_ADDRESS=address (of this machine, for pods)";

/**
 * The cluster that the environment names: KUBECONFIG with CLUSTER_REGISTRY, CLUSTER_HOST_ADDRESS and, where this
 * machine reaches the registry otherwise, CLUSTER_REGISTRY_URL. Undefined without KUBECONFIG, and where it is one of
 * ours, below `cache`. Throws where one of the others is missing.
 */
export function existingCluster(
  env: Readonly<Record<string, string | undefined>>,
  cache: string,
): ExistingCluster | undefined {
  const { KUBECONFIG: kubeconfig, CLUSTER_REGISTRY: inside, CLUSTER_HOST_ADDRESS: hostAddress } = env;
  if (kubeconfig === undefined || kubeconfig === "" || kubeconfig.startsWith(join(cache, "run") + sep))
    return undefined;
  if (inside === undefined || hostAddress === undefined)
    throw new Error(`KUBECONFIG names a cluster, and with it tests need ${NEEDED}`);
  return {
    kubeconfig,
    registry: { inside, outside: env["CLUSTER_REGISTRY_URL"] ?? `http://${inside}` },
    hostAddress,
  };
}
