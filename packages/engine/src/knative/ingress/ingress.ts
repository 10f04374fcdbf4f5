import type { Kubernetes, ObjectWatch } from "@hanzo-fn/kubernetes";
import { abortable, createWorkQueue, type Clock, type Service } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { KnownRevisions } from "../instances/instances.ts";
import { MANAGERS } from "../kube.ts";
import type { KnativeSettings } from "../settings.ts";
import { INGRESSES, isOfClass, type Ingress } from "./kinds.ts";
import { ingressStatus, placesOf } from "./status.ts";

export interface KnativeIngressDeps {
  readonly kubernetes: Pick<Kubernetes, "watchObjects" | "patchStatus">;
  /** The proxy's: an ingress is served once it knows all its revisions. */
  readonly revisions: KnownRevisions;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

export type KnativeIngressSettings = Pick<
  KnativeSettings,
  "ingressClass" | "platformNamespace" | "clusterDomain"
>;

const AT_ONCE = 8;

/**
 * Writes the status of the ingresses of our class, so that Knative's Routes become ready. Level-triggered: what is there when
 * it starts, and what others change, comes right by itself.
 */
export function createKnativeIngress(
  { kubernetes, revisions, clock, log }: KnativeIngressDeps,
  settings: KnativeIngressSettings,
): Service {
  const stopped = new AbortController();
  let ingresses: ObjectWatch<Ingress> | undefined;

  const work = async (key: string, signal: AbortSignal): Promise<void> => {
    const ingress = ingresses?.get(key);
    if (ingress === undefined || ingress.metadata.deletionTimestamp !== undefined) return;
    if (!isOfClass(ingress, settings.ingressClass)) return;
    const status = ingressStatus(ingress, (place) => revisions.knows(place), settings, new Date(clock.now()));
    if (status === undefined) return;
    const patch = { type: "merge", merge: { status } } as const;
    await kubernetes.patchStatus(
      INGRESSES,
      ingress.metadata,
      patch,
      { fieldManager: MANAGERS.ingress },
      signal,
    );
  };
  const queue = createWorkQueue({
    clock,
    work,
    concurrency: AT_ONCE,
    onFailure({ key, error, attempt }) {
      log.warn("the status of an ingress is not written yet", { ingress: key, error, attempt });
    },
  });

  return {
    name: "engine/knative ingress",
    async start(signal) {
      signal.throwIfAborted();
      ingresses ??= kubernetes.watchObjects(
        { kind: INGRESSES, indexes: { place: placesOf } },
        { onChange: (key) => queue.add(key) },
        stopped.signal,
      );
      const { by, synced } = ingresses;
      revisions.onRevision((place) => {
        for (const { metadata } of by("place", place)) queue.add(`${metadata.namespace}/${metadata.name}`);
      }, stopped.signal);
      await abortable(synced, signal);
    },
    async stop(graceMs) {
      stopped.abort(new Error("the ingress controller is stopping"));
      await queue.stop(graceMs);
    },
  };
}
