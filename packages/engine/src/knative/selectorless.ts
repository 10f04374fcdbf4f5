import type { KubeObject } from "./kube.ts";
import { MANAGED_BY } from "./labels.ts";
import type { KnativeSettings } from "./settings.ts";

interface ServicePort {
  readonly name: string;
  readonly port: number;
  /** Where the platform listens. */
  readonly targetPort: number;
}

type PlatformPlace = Pick<KnativeSettings, "platformNamespace" | "platformAddresses">;

function slice(
  name: string,
  family: "IPv4" | "IPv6",
  addresses: readonly string[],
  port: ServicePort,
  namespace: string,
): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${name}-${family.toLowerCase()}`,
      namespace,
      labels: {
        ...MANAGED_BY,
        "kubernetes.io/service-name": name,
        // Not the mirroring controller's name, so that nobody else touches it.
        "endpointslice.kubernetes.io/managed-by": "hanzo-functions",
      },
    },
    addressType: family,
    ports: [{ name: port.name, port: port.targetPort, protocol: "TCP" }],
    endpoints: [...addresses]
      .sort()
      .map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

/**
 * A Service without a selector, with endpoints where the platform runs: the platform need not be in the cluster.
 * Empty where no addresses are configured.
 */
export function selectorlessService(
  name: string,
  port: ServicePort,
  { platformNamespace, platformAddresses }: PlatformPlace,
): KubeObject[] {
  if (platformAddresses.length === 0) return [];
  const v6 = platformAddresses.filter((address) => address.includes(":"));
  const v4 = platformAddresses.filter((address) => !address.includes(":"));
  const service: KubeObject = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: platformNamespace, labels: MANAGED_BY },
    spec: { ports: [{ name: port.name, port: port.port, protocol: "TCP", targetPort: port.targetPort }] },
  };
  return [
    service,
    ...(v4.length === 0 ? [] : [slice(name, "IPv4", v4, port, platformNamespace)]),
    ...(v6.length === 0 ? [] : [slice(name, "IPv6", v6, port, platformNamespace)]),
  ];
}
