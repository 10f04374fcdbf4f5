import { MANAGERS, type Applied } from "../kube.ts";
import { selectorlessService } from "../selectorless.ts";
import type { KnativeSettings } from "../settings.ts";

/** Where callers from outside of the cluster, and where those in it, find the functions' hosts. */
export const EXTERNAL_SERVICE = "hanzo-fn-invoke";
export const INTERNAL_SERVICE = "hanzo-fn-invoke-internal";

/** The Services that the status of every ingress names. Empty where the ingress is not ours, or no addresses are configured. */
export function ingressResources(settings: KnativeSettings): Applied[] {
  if (settings.ingress !== "native") return [];
  const port = { name: "http", port: 80, targetPort: settings.invokePort };
  return [EXTERNAL_SERVICE, INTERNAL_SERVICE]
    .flatMap((name) => selectorlessService(name, port, settings))
    .map((object) => ({ manager: MANAGERS.deploy, object }));
}
