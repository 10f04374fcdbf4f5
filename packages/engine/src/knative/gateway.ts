import { MANAGERS, type Applied } from "./kube.ts";
import { selectorlessService } from "./selectorless.ts";
import type { KnativeSettings } from "./settings.ts";

const GATEWAY_SERVICE = "hanzo-fn-gateway";

/** Where pods reach `ctx.kv` and its kin. */
export function gatewayUrl(
  settings: Pick<KnativeSettings, "platformNamespace" | "clusterDomain" | "gatewayPort">,
): string {
  const { platformNamespace, clusterDomain, gatewayPort } = settings;
  return `http://${GATEWAY_SERVICE}.${platformNamespace}.svc.${clusterDomain}:${gatewayPort}`;
}

/** Empty where no addresses are configured; functions then have no gateway. */
export function gatewayResources(settings: KnativeSettings): Applied[] {
  const { gatewayPort } = settings;
  const port = { name: "http", port: gatewayPort, targetPort: gatewayPort };
  return selectorlessService(GATEWAY_SERVICE, port, settings).map((object) => ({
    manager: MANAGERS.deploy,
    object,
  }));
}
