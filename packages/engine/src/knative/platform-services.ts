import { statusOf, type Draft, type Kind, type Kubernetes, type KubeObject } from "@hanzo-fn/kubernetes";
import { createWorkQueue, type Clock, type Service } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import { gatewayResources } from "./gateway.ts";
import { ingressResources } from "./ingress/resources.ts";
import { ENDPOINT_SLICES } from "./instances/kinds.ts";
import { MANAGERS } from "./kube.ts";
import { MANAGED_BY_SELECTOR } from "./labels.ts";
import type { KnativeSettings } from "./settings.ts";

export interface PlatformServicesDeps {
  readonly kubernetes: Pick<Kubernetes, "watchObjects" | "apply" | "get" | "create">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

const NAMESPACES: Kind = { apiVersion: "v1", kind: "Namespace", plural: "namespaces", namespaced: false };
const SERVICES: Kind = { apiVersion: "v1", kind: "Service", plural: "services", namespaced: true };
/** Of the queue, which has nothing else to look at. */
const ALL = "platform";

/**
 * Keeps the Services by which pods and callers in the cluster reach the platform: the gateway's, and the load balancers of
 * the ingress. `start` resolves once they are there; whoever deletes or edits one gets it back.
 */
export function createPlatformServices(
  { kubernetes, clock, log }: PlatformServicesDeps,
  settings: KnativeSettings,
): Service {
  const stopped = new AbortController();
  const wanted = [...gatewayResources(settings), ...ingressResources(settings)];
  const { platformNamespace: namespace } = settings;

  /** It may be an administrator's, with labels and a quota of its own: made where it is missing, never changed. */
  const makeNamespace = async (signal: AbortSignal): Promise<void> => {
    try {
      await kubernetes.get(NAMESPACES, { name: namespace }, signal);
    } catch (error) {
      if (statusOf(error)?.code !== 404) throw error;
      const object = { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } };
      await kubernetes.create(NAMESPACES, object, { fieldManager: MANAGERS.deploy }, signal);
    }
  };
  const applyAll = async (signal: AbortSignal): Promise<void> => {
    if (wanted.length === 0) return;
    await makeNamespace(signal);
    for (const { manager, object } of wanted) {
      const kind = object.kind === "Service" ? SERVICES : ENDPOINT_SLICES;
      const options = { fieldManager: manager, force: true };
      await kubernetes.apply(kind as Kind, object as Draft<KubeObject>, options, signal);
    }
  };
  const queue = createWorkQueue({
    clock,
    work: (_, signal) => applyAll(signal),
    concurrency: 1,
    onFailure: ({ error, attempt }) =>
      log.warn("the platform's own Services are not there yet", { error, attempt }),
  });
  const onChange = (): void => queue.add(ALL);

  return {
    name: "engine/knative platform services",
    async start(signal) {
      await applyAll(signal);
      const query = { namespace, labelSelector: MANAGED_BY_SELECTOR };
      kubernetes.watchObjects({ ...query, kind: SERVICES }, { onChange }, stopped.signal);
      kubernetes.watchObjects({ ...query, kind: ENDPOINT_SLICES }, { onChange }, stopped.signal);
    },
    async stop(graceMs) {
      stopped.abort(new Error("the platform's Services are kept no longer"));
      await queue.stop(graceMs);
    },
  };
}
