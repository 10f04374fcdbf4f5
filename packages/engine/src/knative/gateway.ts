import { MANAGED_BY } from "./labels.ts";
import { MANAGERS, type Applied, type KubeObject } from "./kube.ts";
import type { KnativeSettings } from "./settings.ts";

export const GATEWAY_SERVICE = "hanzo-fn-gateway";

/** Where pods reach `ctx.kv` and its kin. */
export function gatewayUrl(
  settings: Pick<KnativeSettings, "platformNamespace" | "clusterDomain" | "gatewayPort">,
): string {
  const { platformNamespace, clusterDomain, gatewayPort } = settings;
  return `http://${GATEWAY_SERVICE}.${platformNamespace}.svc.${clusterDomain}:${gatewayPort}`;
}

function slice(family: "IPv4" | "IPv6", addresses: readonly string[], settings: KnativeSettings): KubeObject {
  return {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: `${GATEWAY_SERVICE}-${family.toLowerCase()}`,
      namespace: settings.platformNamespace,
      labels: {
        ...MANAGED_BY,
        "kubernetes.io/service-name": GATEWAY_SERVICE,
        // Not the mirroring controller's name, so that nobody else touches it.
        "endpointslice.kubernetes.io/managed-by": "hanzo-functions",
      },
    },
    addressType: family,
    ports: [{ name: "http", port: settings.gatewayPort, protocol: "TCP" }],
    endpoints: [...addresses]
      .sort()
      .map((address) => ({ addresses: [address], conditions: { ready: true } })),
  };
}

/**
 * A Service without a selector, with endpoints where the platform runs: the platform need not be in the cluster.
 * Empty where no addresses are configured; functions then have no gateway.
 */
export function gatewayResources(settings: KnativeSettings): Applied[] {
  const { platformAddresses, platformNamespace, gatewayPort } = settings;
  if (platformAddresses.length === 0) return [];
  const v6 = platformAddresses.filter((address) => address.includes(":"));
  const v4 = platformAddresses.filter((address) => !address.includes(":"));
  const service: KubeObject = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: GATEWAY_SERVICE, namespace: platformNamespace, labels: MANAGED_BY },
    spec: { ports: [{ name: "http", port: gatewayPort, protocol: "TCP", targetPort: gatewayPort }] },
  };
  const slices = [
    ...(v4.length === 0 ? [] : [slice("IPv4", v4, settings)]),
    ...(v6.length === 0 ? [] : [slice("IPv6", v6, settings)]),
  ];
  return [service, ...slices].map((object) => ({ manager: MANAGERS.deploy, object }));
}
