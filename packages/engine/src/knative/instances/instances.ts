import { PlatformError } from "@hanzo-fn/contract";
import type { Kubernetes, ObjectWatch } from "@hanzo-fn/kubernetes";
import { abortable, type Clock, type Service } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { Instances } from "../../engine.ts";
import { MANAGED_BY_SELECTOR } from "../labels.ts";
import { namespaceOf } from "../names.ts";
import type { KnativeSettings } from "../settings.ts";
import { backendsOf, podAddresses, sliceOf, type Backend, type Place } from "./endpoints.ts";
import { createExplainer } from "./explainer.ts";
import {
  ENDPOINT_SLICES,
  REVISIONS,
  SERVERLESS_SERVICE_LABEL,
  type EndpointSlice,
  type Revision,
} from "./kinds.ts";
import { RevisionLane, type LaneContext, type LaneOptions } from "./lane.ts";
import { revisionFacts, type RevisionFacts } from "./revision-facts.ts";

/** What of the cluster's settings calls depend on, and what of the configuration's `limits`. */
export interface KnativeInstancesSettings
  extends
    Pick<KnativeSettings, "namespace" | "homeOrg" | "systemNamespace" | "coldStartBudgetMs" | "gpu">,
    Pick<LaneOptions, "queueDepth" | "queueTimeoutMs"> {}

export interface KnativeInstancesDeps {
  readonly kubernetes: Pick<Kubernetes, "watchObjects" | "list">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info">;
}

/** Which revisions calls can reach. */
export interface KnownRevisions {
  /** `place`: `namespace/revision`. */
  knows(place: Place): boolean;
  /** Calls back when a revision came or went, until the signal aborts. */
  onRevision(listener: (place: Place) => void, signal: AbortSignal): void;
}

/** The proxy's half of the engine on Knative. Serves after `start`, through whatever happens to the API server. */
export interface KnativeInstances extends Instances, Service, KnownRevisions {
  /**
   * Whether pods of other organisations, and none of this one, have that address. False where nobody is known to have it:
   * what lies between pod and platform may show its own.
   */
  isForeign(org: string, address: string): boolean;
}

const SUSPECT_MS = 3000;
const ACTIVATOR_SELECTOR = "kubernetes.io/service-name=activator-service";

interface Watched {
  readonly revisions: ObjectWatch<Revision>;
  readonly slices: ObjectWatch<EndpointSlice>;
  readonly activators: ObjectWatch<EndpointSlice>;
}

export function createKnativeInstances(
  { kubernetes, clock, log }: KnativeInstancesDeps,
  settings: KnativeInstancesSettings,
): KnativeInstances {
  const lanes = new Map<Place, RevisionLane>();
  /** By the engine's keys, as calls ask. */
  const byKey = new Map<string, RevisionLane>();
  const placeOfSlice = new Map<string, Place>();
  const listeners = new Set<(place: Place) => void>();
  const stopped = new AbortController();
  const diagnose = createExplainer({ kubernetes, clock }, stopped.signal);
  let activators: readonly Backend[] = [];
  let watched: Watched | undefined;

  const contextOf = ({ gpu }: RevisionFacts): LaneContext => ({
    clock,
    diagnose,
    options: {
      queueDepth: settings.queueDepth,
      queueTimeoutMs: settings.queueTimeoutMs,
      waitBudgetMs: gpu ? settings.gpu.coldStartBudgetMs : settings.coldStartBudgetMs,
      suspectMs: SUSPECT_MS,
    },
  });
  const tell = (place: Place): void => {
    for (const listener of listeners) listener(place);
  };
  const placeOf = (revisionKey: string): Place => {
    const at = revisionKey.lastIndexOf("/");
    return `${namespaceOf(revisionKey.slice(0, at), settings)}/${revisionKey.slice(at + 1)}`;
  };
  const laneOf = (revisionKey: string): RevisionLane | undefined => {
    const known = byKey.get(revisionKey);
    if (known !== undefined) return known;
    const lane = lanes.get(placeOf(revisionKey));
    if (lane !== undefined) byKey.set(revisionKey, lane);
    return lane;
  };

  const endpointsOf = (place: Place, isPrivate: boolean): Backend[] => {
    const slices = [...(watched?.slices.by("place", place) ?? [])];
    return backendsOf(slices.filter((slice) => sliceOf(slice)?.isPrivate === isPrivate));
  };
  const renewEndpoints = (place: Place): void => {
    const lane = lanes.get(place);
    lane?.named(endpointsOf(place, false));
    lane?.pods(endpointsOf(place, true));
  };
  const onSlice = (key: string, slice: EndpointSlice | undefined): void => {
    const place = slice === undefined ? placeOfSlice.get(key) : sliceOf(slice)?.place;
    if (place === undefined) return;
    if (slice === undefined) placeOfSlice.delete(key);
    else placeOfSlice.set(key, place);
    renewEndpoints(place);
  };
  const onActivators = (): void => {
    activators = backendsOf(watched?.activators.list() ?? []);
    for (const lane of lanes.values()) lane.activators(activators);
  };
  const drop = (place: Place): void => {
    const lane = lanes.get(place);
    if (lane === undefined) return;
    lanes.delete(place);
    for (const [key, other] of byKey) if (other === lane) byKey.delete(key);
    lane.end();
    tell(place);
  };
  const onRevision = (place: Place, revision: Revision | undefined): void => {
    const facts = revision && revisionFacts(revision);
    if (facts === undefined) return drop(place);
    const known = lanes.get(place);
    if (known !== undefined) return known.update(facts);
    const lane = new RevisionLane(facts, contextOf(facts));
    lanes.set(place, lane);
    lane.activators(activators);
    renewEndpoints(place);
    tell(place);
  };

  const watch = (signal: AbortSignal): Watched => ({
    slices: kubernetes.watchObjects(
      {
        kind: ENDPOINT_SLICES,
        labelSelector: `${MANAGED_BY_SELECTOR},${SERVERLESS_SERVICE_LABEL}`,
        indexes: { place: (slice) => [sliceOf(slice)?.place ?? ""], pod: podAddresses },
      },
      { onChange: onSlice },
      signal,
    ),
    activators: kubernetes.watchObjects(
      { kind: ENDPOINT_SLICES, namespace: settings.systemNamespace, labelSelector: ACTIVATOR_SELECTOR },
      { onChange: onActivators },
      signal,
    ),
    revisions: kubernetes.watchObjects(
      { kind: REVISIONS, labelSelector: MANAGED_BY_SELECTOR },
      { onChange: onRevision },
      signal,
    ),
  });

  return {
    name: "engine/knative instances",
    tryAcquire: (revisionKey) => laneOf(revisionKey)?.tryAcquire(),
    acquire(revisionKey, signal) {
      const lane = laneOf(revisionKey);
      if (lane !== undefined) return lane.acquire(signal);
      const message = `the revision ${revisionKey.slice(revisionKey.lastIndexOf("/") + 1)} is not in the cluster`;
      const error = new PlatformError("no_capacity", message, {
        component: "engine/knative",
        retryAfterSeconds: 1,
      });
      return Promise.reject(error);
    },
    knows: (place) => lanes.has(place),
    isForeign(org, address) {
      const there = [...(watched?.slices.by("pod", address) ?? [])];
      const namespace = namespaceOf(org, settings);
      return there.length > 0 && there.every(({ metadata }) => metadata.namespace !== namespace);
    },
    onRevision(listener, signal) {
      if (signal.aborted) return;
      listeners.add(listener);
      signal.addEventListener("abort", () => listeners.delete(listener), { once: true });
    },
    async start(signal) {
      signal.throwIfAborted();
      watched ??= watch(stopped.signal);
      const { revisions, slices, activators } = watched;
      await abortable(Promise.all([revisions.synced, slices.synced, activators.synced]), signal);
      log.info("the cluster's revisions are known", { revisions: lanes.size, endpoint_slices: slices.size });
    },
    stop() {
      stopped.abort(
        new PlatformError("draining", "the platform is stopping", { component: "engine/knative" }),
      );
      for (const place of lanes.keys()) drop(place);
      return Promise.resolve();
    },
  };
}
