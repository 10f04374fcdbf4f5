import type { Kind, Kubernetes, ObjectWatch } from "@hanzo-fn/kubernetes";
import type { Observed } from "../explain/explain.ts";
import {
  ACCOUNTS,
  DEPLOYMENTS,
  KEEP,
  type LiveObject,
  NAMESPACES,
  organisationKinds,
  PODS,
  type PodObject,
  POLICIES,
  REVISIONS,
  type RevisionObject,
  ROUTES,
  SECRETS,
  type SecretObject,
  SERVICES,
  type ServiceObject,
} from "./kinds.ts";
import { FUNCTION_LABEL, MANAGED_BY_SELECTOR, REVISION_LABEL } from "../labels.ts";
import type { LiveFunction } from "../plan.ts";

/** Where a function is in the cluster. */
export interface Place {
  readonly namespace: string;
  readonly function: string;
}

/** `<namespace>/<function>`; the namespace alone for what an organisation has once. */
export function placeKey({ namespace, function: name }: Place): string {
  return `${namespace}/${name}`;
}

export interface LiveCluster extends LiveFunction {
  readonly service: ServiceObject | undefined;
  readonly objects: readonly LiveObject[];
  readonly revisions: readonly RevisionObject[];
}

/** Copies of everything in the cluster that has our label. */
export interface ClusterView {
  /** Resolves when all of it was read once; rejects when the watches end before. */
  readonly synced: Promise<unknown>;
  namespace(name: string): LiveObject | undefined;
  /** What the namespace has once, beside functions. */
  organisation(namespace: string): readonly LiveObject[];
  live(place: Place): LiveCluster;
  secret(place: Place, name: string): SecretObject | undefined;
  revision(namespace: string, name: string): RevisionObject | undefined;
  pods(namespace: string, revision: string): readonly PodObject[];
  /** What `explain` takes of a revision, besides its log. */
  observed(
    place: Place,
    revision: string,
  ): Pick<Observed, "service" | "revision" | "route" | "pods" | "deploymentConditions">;
  /** Everything that somebody made a function of, each once. */
  functions(): Iterable<Place>;
}

const BY_FUNCTION = "function";
const BY_REVISION = "revision";
const BY_NAMESPACE = "namespace";

function labelOf({ metadata }: LiveObject, label: string): string[] {
  const value = metadata.labels?.[label];
  return value === undefined ? [] : [`${metadata.namespace}/${value}`];
}

/** The key of what an object belongs to: its function, or the namespace. */
function ownerKey(object: LiveObject): string {
  const [key] = labelOf(object, FUNCTION_LABEL);
  return key ?? object.metadata.namespace ?? object.metadata.name;
}

/**
 * Watches until the signal aborts, and calls back with the key of whatever may be different: `<namespace>/<function>`, or
 * `<namespace>`. An object that was deleted, or lost our label, is told under the key that it had.
 */
export function observeCluster(
  kubernetes: Pick<Kubernetes, "watchObjects">,
  { hasBudget }: { readonly hasBudget: boolean },
  onKey: (key: string) => void,
  signal: AbortSignal,
): ClusterView {
  const watches: ObjectWatch<LiveObject>[] = [];
  const watch = <T extends LiveObject>(kind: Kind<T>, keep?: (object: T) => T): ObjectWatch<T> => {
    const owners = new Map<string, string>();
    const indexes = {
      [BY_FUNCTION]: (object: T) => labelOf(object, FUNCTION_LABEL),
      [BY_REVISION]: (object: T) => labelOf(object, REVISION_LABEL),
      [BY_NAMESPACE]: ({ metadata }: T) =>
        metadata.labels?.[FUNCTION_LABEL] === undefined ? [metadata.namespace ?? ""] : [],
    };
    const onChange = (key: string, object: T | undefined): void => {
      const before = owners.get(key);
      const now = object === undefined ? undefined : ownerKey(object);
      if (now === undefined) owners.delete(key);
      else owners.set(key, now);
      for (const owner of new Set([before, now])) if (owner !== undefined) onKey(owner);
    };
    const made = kubernetes.watchObjects(
      { kind, labelSelector: MANAGED_BY_SELECTOR, indexes, keep },
      { onChange },
      signal,
    );
    watches.push(made);
    return made;
  };
  const namespaces = watch(NAMESPACES);
  const services = watch(SERVICES);
  const revisions = watch(REVISIONS, KEEP.revision);
  const routes = watch(ROUTES, KEEP.route);
  const deployments = watch(DEPLOYMENTS, KEEP.deployment);
  const pods = watch(PODS, KEEP.pod);
  const secrets = watch(SECRETS);
  const policies = watch(POLICIES);
  const own = [watch(ACCOUNTS), policies];
  const budgets = organisationKinds(hasBudget).map((kind) => watch(kind));
  const synced = Promise.all(watches.map((one) => one.synced));
  synced.catch(() => {});

  return {
    synced,
    namespace: (name) => namespaces.get(name),
    organisation: (namespace) =>
      [policies, secrets, ...budgets].flatMap((one) => [...one.by(BY_NAMESPACE, namespace)]),
    live(place) {
      const key = placeKey(place);
      const mine = [...revisions.by(BY_FUNCTION, key)];
      return {
        service: services.get(key),
        objects: [...own, secrets].flatMap((one) => [...one.by(BY_FUNCTION, key)]),
        revisions: mine,
        deployments: new Map(
          mine.flatMap(({ metadata }) => {
            const deployment = deployments.get(`${place.namespace}/${metadata.name}-deployment`);
            return deployment === undefined ? [] : [[metadata.name, deployment]];
          }),
        ),
      };
    },
    secret: ({ namespace }, name) => secrets.get(`${namespace}/${name}`),
    revision: (namespace, name) => revisions.get(`${namespace}/${name}`),
    pods: (namespace, revision) => [...pods.by(BY_REVISION, `${namespace}/${revision}`)],
    observed: (place, revision) => ({
      service: services.get(placeKey(place)),
      revision: revisions.get(`${place.namespace}/${revision}`),
      route: routes.get(placeKey(place)),
      pods: [...pods.by(BY_REVISION, `${place.namespace}/${revision}`)],
      deploymentConditions:
        deployments.get(`${place.namespace}/${revision}-deployment`)?.status?.conditions ?? [],
    }),
    *functions() {
      const seen = new Set<string>();
      for (const one of [services, revisions, ...own, secrets]) {
        for (const object of one.list()) {
          const { namespace } = object.metadata;
          const name = object.metadata.labels?.[FUNCTION_LABEL];
          if (namespace === undefined || name === undefined || seen.has(`${namespace}/${name}`)) continue;
          seen.add(`${namespace}/${name}`);
          yield { namespace, function: name };
        }
      }
    },
  };
}
