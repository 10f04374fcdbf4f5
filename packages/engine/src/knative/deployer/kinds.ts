import type { Kind, ObjectMeta as ServerMeta } from "@hanzo-fn/kubernetes";
import type { Condition, Conditioned, Pod } from "../explain/live.ts";
import { SERVING, type KubeObject, type ObjectMeta } from "../kube.ts";
import type { LiveService } from "../plan.ts";
import type { LiveDeployment } from "../secrets.ts";

/** An object as the API server gives it. */
export interface LiveObject extends KubeObject {
  readonly metadata: ObjectMeta & ServerMeta;
}

export type RevisionObject = LiveObject &
  Conditioned & {
    readonly spec?: { readonly containers?: readonly { readonly name?: string; readonly image?: string }[] };
  };
export type RouteObject = LiveObject & Conditioned;
export type ServiceObject = LiveObject & LiveService & RouteObject;
export type PodObject = LiveObject & Pod;
export type DeploymentObject = LiveObject &
  LiveDeployment & { readonly status?: { readonly conditions?: readonly Condition[] } };
export interface SecretObject extends LiveObject {
  readonly data?: Readonly<Record<string, string>>;
}

function kind<T extends LiveObject>(apiVersion: string, name: string, plural: string): Kind<T> {
  return { apiVersion, kind: name, plural, namespaced: true };
}

export const SERVICES = kind<ServiceObject>(SERVING, "Service", "services");
export const REVISIONS = kind<RevisionObject>(SERVING, "Revision", "revisions");
export const ROUTES = kind<RouteObject>(SERVING, "Route", "routes");
export const DEPLOYMENTS = kind<DeploymentObject>("apps/v1", "Deployment", "deployments");
export const PODS = kind<PodObject>("v1", "Pod", "pods");
export const SECRETS = kind<SecretObject>("v1", "Secret", "secrets");
export const ACCOUNTS = kind("v1", "ServiceAccount", "serviceaccounts");
export const POLICIES = kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies");
export const NAMESPACES: Kind<LiveObject> = { ...kind("v1", "Namespace", "namespaces"), namespaced: false };
const BUDGETS = [kind("v1", "LimitRange", "limitranges"), kind("v1", "ResourceQuota", "resourcequotas")];
const ALL: readonly Kind<LiveObject>[] = [
  ...[SERVICES, REVISIONS, ROUTES, DEPLOYMENTS, PODS, SECRETS, ACCOUNTS, POLICIES, NAMESPACES],
  ...BUDGETS,
];

/** The kind of an object that we apply, patch or delete. */
export function kindOf(object: { readonly apiVersion: string; readonly kind: string }): Kind<LiveObject> {
  const found = ALL.find((item) => item.apiVersion === object.apiVersion && item.kind === object.kind);
  if (found === undefined) throw new Error(`the engine has no use for a ${object.apiVersion} ${object.kind}`);
  return found;
}

/** What an organisation's namespace holds once: a budget only where one is configured, and then only is it asked for. */
export function organisationKinds(hasBudget: boolean): readonly Kind<LiveObject>[] {
  return hasBudget ? BUDGETS : [];
}

/** Thousands of them are kept in memory: of what Knative makes, only what is read. */
export const KEEP = {
  revision: ({ apiVersion, kind: name, metadata, spec, status }: RevisionObject): RevisionObject => ({
    apiVersion,
    kind: name,
    metadata,
    spec: {
      containers: (spec?.containers ?? []).map((item) => ({
        name: item.name ?? "",
        image: item.image ?? "",
      })),
    },
    ...(status === undefined ? {} : { status: conditionsOf(status) }),
  }),
  route: ({ apiVersion, kind: name, metadata, status }: RouteObject): RouteObject => ({
    apiVersion,
    kind: name,
    metadata,
    ...(status === undefined ? {} : { status: conditionsOf(status) }),
  }),
  deployment: ({ apiVersion, kind: name, metadata, spec, status }: DeploymentObject): DeploymentObject => ({
    apiVersion,
    kind: name,
    metadata,
    spec: { template: { metadata: { annotations: spec.template.metadata?.annotations ?? {} } } },
    status: { conditions: status?.conditions ?? [] },
  }),
  pod: ({ apiVersion, kind: name, metadata, status }: PodObject): PodObject => ({
    apiVersion,
    kind: name,
    metadata,
    ...(status === undefined ? {} : { status }),
  }),
} as const;

function conditionsOf(status: NonNullable<Conditioned["status"]>): NonNullable<Conditioned["status"]> {
  const { observedGeneration, conditions } = status;
  return {
    ...(observedGeneration === undefined ? {} : { observedGeneration }),
    ...(conditions === undefined ? {} : { conditions }),
  };
}
