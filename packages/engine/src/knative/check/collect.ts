import { PlatformError } from "@hanzo-fn/contract";
import type { Kind, Kubernetes, KubeObject } from "@hanzo-fn/kubernetes";
import { type Clock, withDeadline } from "@hanzo-fn/lifecycle";
import type { KnativeSettings } from "../settings.ts";
import { requiredAccess } from "./access.ts";
import type { ClusterFacts, NodeFacts, Part, RegistryFact, Unread } from "./facts.ts";
import { probeGateway } from "./probe.ts";
import { CRDS, KEDA_CRD } from "./versions.ts";

export interface CollectDependencies {
  readonly kubernetes: Pick<Kubernetes, "version" | "discover" | "get" | "list" | "mayI" | "whoAmI">;
  readonly clock: Clock;
  /** Absent where no registry is configured. */
  readonly askRegistry?: ((signal: AbortSignal) => Promise<RegistryFact>) | undefined;
}

export interface CollectOptions {
  /** For each question, in ms. */
  readonly limitMs: number;
}

interface ConfigMap extends KubeObject {
  readonly data?: Readonly<Record<string, string>>;
}
interface NodeObject extends KubeObject {
  readonly spec?: { readonly taints?: NodeFacts["taints"] };
  readonly status?: {
    readonly allocatable?: NodeFacts["allocatable"];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

function clusterKind<T extends KubeObject>(apiVersion: string, kind: string, plural: string): Kind<T> {
  return { apiVersion, kind, plural, namespaced: false };
}
const CONFIG_MAPS: Kind<ConfigMap> = { ...clusterKind("v1", "ConfigMap", "configmaps"), namespaced: true };
const NAMESPACES = clusterKind("v1", "Namespace", "namespaces");
const NODES = clusterKind<NodeObject>("v1", "Node", "nodes");
const RUNTIME_CLASSES = clusterKind("node.k8s.io/v1", "RuntimeClass", "runtimeclasses");
const DEFINITIONS = clusterKind(
  "apiextensions.k8s.io/v1",
  "CustomResourceDefinition",
  "customresourcedefinitions",
);

/** Discovery needs no right, and the definitions themselves are megabytes. */
const SERVED: readonly (readonly [group: string, version: string])[] = [
  ["serving.knative.dev", "v1"],
  ["networking.internal.knative.dev", "v1alpha1"],
  ["autoscaling.internal.knative.dev", "v1alpha1"],
  ["keda.sh", "v1alpha1"],
];
const VERSION_LABEL = "app.kubernetes.io/version";

/** Asks one thing after the other's time limit; what goes wrong becomes a fact. */
interface Questions {
  /** Rejects with a `PlatformError`. */
  ask<T>(question: (signal: AbortSignal) => Promise<T>): Promise<T>;
  /** `otherwise`, and a note of why, where there is no answer. */
  read<T>(part: Part, otherwise: T, question: (signal: AbortSignal) => Promise<T>): Promise<T>;
  readonly unread: Partial<Record<Part, Unread>>;
}

function createQuestions({ clock }: CollectDependencies, limitMs: number, signal: AbortSignal): Questions {
  const unread: Partial<Record<Part, Unread>> = {};
  const ask = async <T>(question: (signal: AbortSignal) => Promise<T>): Promise<T> => {
    try {
      return await withDeadline(clock, limitMs, signal, question);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PlatformError) throw error;
      const message = `the API server does not answer: ${(error as Error).message}`;
      throw new PlatformError("cluster_unavailable", message, {
        component: "engine/knative",
        cause: error,
        next: "Check that the API server runs and is reached from here: kubectl cluster-info",
      });
    }
  };
  return {
    ask,
    unread,
    async read(part, otherwise, question) {
      try {
        return await ask(question);
      } catch (error) {
        signal.throwIfAborted();
        const { code, message } = error as PlatformError;
        unread[part] = { reason: message, forbidden: code === "cluster_refused" };
        return otherwise;
      }
    },
  };
}

async function namesOfCrds({ kubernetes }: CollectDependencies, { read }: Questions): Promise<string[]> {
  const served = await Promise.all(
    SERVED.map(async ([group, version]) => {
      const resources = await read("crds", [], (signal) =>
        kubernetes.discover(`${group}/${version}`, signal),
      );
      return (resources ?? []).map(({ name }) => `${name}.${group}`);
    }),
  );
  return served.flat().filter((name) => CRDS.includes(name) || name === KEDA_CRD);
}

/** Of the CRD, which not everybody may read, or else of the config maps that came with the same release. */
async function versionOfKnative(
  { kubernetes }: CollectDependencies,
  { ask }: Questions,
  configMaps: readonly ConfigMap[],
): Promise<string | undefined> {
  const name = CRDS[0] ?? "";
  const definition = await ask((signal) => kubernetes.get(DEFINITIONS, { name }, signal)).catch(
    () => undefined,
  );
  const labelled = [definition, ...configMaps].map((object) => object?.metadata.labels?.[VERSION_LABEL]);
  return labelled.find((version) => version !== undefined && version !== "");
}

function nodeFacts({ metadata, spec, status }: NodeObject): NodeFacts {
  return {
    name: metadata.name,
    ready: status?.conditions?.some((one) => one.type === "Ready" && one.status === "True") ?? false,
    labels: metadata.labels ?? {},
    taints: spec?.taints ?? [],
    allocatable: status?.allocatable ?? {},
  };
}

async function accessOf(
  { kubernetes }: CollectDependencies,
  { read }: Questions,
  settings: KnativeSettings,
): Promise<ClusterFacts["access"]> {
  return await read("access", [], (signal) =>
    Promise.all(
      requiredAccess(settings).map(async (access) => ({
        ...access,
        allowed: await kubernetes.mayI(access, signal),
      })),
    ),
  );
}

/**
 * What `checkCluster` judges. Rejects where the API server does not answer at all, or does not know us; all else that is
 * forbidden, missing or too slow is a fact. Nothing is changed in the cluster.
 */
export async function collectFacts(
  deps: CollectDependencies,
  settings: KnativeSettings,
  { limitMs }: CollectOptions,
  signal: AbortSignal,
): Promise<ClusterFacts> {
  const { kubernetes, askRegistry, clock } = deps;
  const questions = createQuestions(deps, limitMs, signal);
  const { ask, read, unread } = questions;
  const { gitVersion } = await ask((until) => kubernetes.version(until));
  const list = <T extends KubeObject>(part: Part, kind: Kind<T>, namespace?: string): Promise<T[]> =>
    read(part, [], async (until) => (await kubernetes.list(kind, { namespace }, until)).items);
  const [crds, maps, namespaces, runtimeClasses, nodes, access, user, registry, gateway] = await Promise.all([
    namesOfCrds(deps, questions),
    list("configmaps", CONFIG_MAPS, settings.systemNamespace),
    list("namespaces", NAMESPACES),
    list("runtimeclasses", RUNTIME_CLASSES),
    list("nodes", NODES),
    accessOf(deps, questions, settings),
    ask((until) => kubernetes.whoAmI(until)).catch(() => undefined),
    askRegistry?.(signal),
    probeGateway({ clock, limitMs }, settings, signal),
  ]);
  signal.throwIfAborted();
  return {
    kubernetesVersion: gitVersion,
    user,
    knativeVersion: await versionOfKnative(deps, questions, maps),
    crds,
    unread,
    configMaps: Object.fromEntries(maps.map(({ metadata, data }) => [metadata.name, data ?? {}])),
    namespaces: namespaces.map(({ metadata }) => ({ name: metadata.name, labels: metadata.labels ?? {} })),
    runtimeClasses: runtimeClasses.map(({ metadata }) => metadata.name),
    nodes: nodes.map(nodeFacts),
    registry,
    gateway,
    access,
  };
}
