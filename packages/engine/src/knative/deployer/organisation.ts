import { PlatformError, type Secret } from "@hanzo-fn/contract";
import { type Kubernetes, statusOf } from "@hanzo-fn/kubernetes";
import { createSingleFlight } from "@hanzo-fn/lifecycle";
import { differences } from "../drift.ts";
import { kindOf, type LiveObject, NAMESPACES } from "./kinds.ts";
import type { KubeObject } from "../kube.ts";
import { ORG_ANNOTATION } from "../labels.ts";
import { namespaceOf } from "../names.ts";
import { checkNamespace, organisationResources } from "../namespace.ts";
import type { ClusterView } from "./observe.ts";
import type { KnativeSettings } from "../settings.ts";

/** Whether a namespace is one of this platform's: another one of the same cluster may use our labels, too. */
export function isOurs(live: LiveObject | undefined, settings: KnativeSettings): boolean {
  const org = live?.metadata.annotations?.[ORG_ANNOTATION];
  return live !== undefined && org !== undefined && namespaceOf(org, settings) === live.metadata.name;
}

export interface OrganisationDependencies {
  readonly kubernetes: Pick<Kubernetes, "get" | "apply">;
  readonly settings: KnativeSettings;
  readonly registryCredentials?: Secret | undefined;
}

export async function liveNamespace(
  { kubernetes }: Pick<OrganisationDependencies, "kubernetes">,
  view: ClusterView,
  name: string,
  signal: AbortSignal,
): Promise<LiveObject | undefined> {
  const seen = view.namespace(name);
  if (seen !== undefined) return seen;
  try {
    return await kubernetes.get(NAMESPACES, { name }, signal);
  } catch (error) {
    if (statusOf(error)?.code === 404) return undefined;
    throw error;
  }
}

async function ensureOrganisation(
  deps: OrganisationDependencies,
  view: ClusterView,
  org: string,
  signal: AbortSignal,
): Promise<void> {
  const { kubernetes, settings, registryCredentials } = deps;
  const name = namespaceOf(org, settings);
  const live = await liveNamespace(deps, view, name, signal);
  checkNamespace(live, org, settings);
  if (live?.metadata.deletionTimestamp !== undefined) {
    const next = `kubectl get namespace ${name} -o yaml`;
    const message = `the namespace ${name} is being deleted; it is made again once it is gone`;
    throw new PlatformError("unavailable", message, { component: "engine/knative", next });
  }
  const present = [...(live === undefined ? [] : [live]), ...view.organisation(name)];
  const isThere = (object: KubeObject): boolean => {
    const found = present.find(
      (other) => other.kind === object.kind && other.metadata.name === object.metadata.name,
    );
    return found !== undefined && differences(object, found).length === 0;
  };
  for (const { object, manager } of organisationResources(org, settings, registryCredentials)) {
    if (isThere(object)) continue;
    await kubernetes.apply(kindOf(object), object, { fieldManager: manager, force: true }, signal);
  }
}

export interface Organisations {
  /** Makes or repairs an organisation's namespace and what is in it once. Rejects with `conflict` where it is somebody else's. */
  ensure(view: ClusterView, org: string, signal: AbortSignal): Promise<void>;
  /** Something of the namespace was heard of. */
  doubt(namespace: string): void;
}

export function createOrganisations(deps: OrganisationDependencies): Organisations {
  const once = createSingleFlight<void>();
  const sure = new Set<string>();
  return {
    async ensure(view, org, signal) {
      const namespace = namespaceOf(org, deps.settings);
      if (sure.has(namespace)) return;
      await once(namespace, () => ensureOrganisation(deps, view, org, signal));
      sure.add(namespace);
    },
    doubt: (namespace) => void sure.delete(namespace),
  };
}
