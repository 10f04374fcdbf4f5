import type { Clock } from "@hanzo-fn/lifecycle";
import type { ClusterAccess } from "./access/access.ts";
import { createRequests, type RequestsOptions } from "./http/requests.ts";
import { createObjectCalls, type ObjectCalls } from "./object-calls.ts";
import { createServerCalls, type ServerCalls } from "./server-calls.ts";
import type { WatchLog } from "./watch/follow.ts";
import { createWatches, type Watches } from "./watch/watch-objects.ts";

export interface KubernetesDependencies {
  readonly config: ClusterAccess;
  readonly clock: Clock;
  readonly log: WatchLog;
}

/** All optional; what is not given is what a control plane in the same network wants. */
export interface KubernetesOptions extends Partial<RequestsOptions> {
  /** A watch that is silent for this long is made anew, in ms: 45 s. */
  readonly watchSilenceMs?: number | undefined;
}

export interface Kubernetes extends ObjectCalls, ServerCalls, Watches {
  /** Where objects go for which no namespace is given: the context's, or the pod's own. */
  readonly namespace: string;
  /** Cuts every connection. */
  close(): void;
}

/**
 * A client of one API server. Every call rejects with a `PlatformError` (its codes at `statusError`), or with the
 * signal's reason; none of them carries a credential.
 */
export function createKubernetes(deps: KubernetesDependencies, options: KubernetesOptions = {}): Kubernetes {
  const { config, clock, log } = deps;
  const requests = createRequests(
    { access: config, clock },
    {
      userAgent: options.userAgent ?? "hanzo-fn",
      // A webhook may take 30 s, and the server says nothing meanwhile.
      silenceMs: options.silenceMs ?? 35_000,
      maxConnections: options.maxConnections ?? 32,
      attempts: options.attempts ?? 5,
    },
  );
  const objects = createObjectCalls(requests);
  return {
    namespace: config.namespace,
    ...objects,
    ...createServerCalls(requests),
    ...createWatches({ requests, objects, clock, log }, options.watchSilenceMs ?? 45_000),
    close: () => requests.close(),
  };
}
