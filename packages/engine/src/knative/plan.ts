import { differences } from "./drift.ts";
import { condition, type Conditioned } from "./explain/live.ts";
import { MANAGERS, SERVING, type Applied, type KubeObject, type ObjectMeta } from "./kube.ts";
import { revisionNumber } from "./names.ts";
import { resources } from "./resources.ts";
import { scalePatch, type MergePatch } from "./scaling.ts";
import { restartPatch, type LiveDeployment, type RestartPatch } from "./secrets.ts";
import { serviceOf } from "./service.ts";
import type { KnativeSettings } from "./settings.ts";
import { trafficOf, type TrafficTarget } from "./traffic.ts";
import type { FunctionWish, RevisionWish } from "./wish.ts";

export interface LiveService extends KubeObject {
  readonly spec: {
    readonly template: { readonly metadata?: Partial<ObjectMeta> };
    readonly traffic?: unknown;
  };
}

/** What the cluster holds of one function. */
export interface LiveFunction {
  readonly service?: LiveService | undefined;
  /** Account, Secrets and NetworkPolicy. */
  readonly objects: readonly KubeObject[];
  readonly revisions: readonly KubeObject[];
  /** By revision name. */
  readonly deployments: ReadonlyMap<string, LiveDeployment>;
}

export interface ObjectRef {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

export type Step =
  | ({ readonly kind: "apply" } & Applied)
  /** A JSON merge patch; a missing object is no reason to make one. */
  | { readonly kind: "patch"; readonly target: ObjectRef; readonly patch: MergePatch | RestartPatch }
  | { readonly kind: "delete"; readonly target: ObjectRef };

export interface Plan {
  /** In order. Each may fail; the next look plans anew. */
  readonly steps: readonly Step[];
  /**
   * Paths of the newest revision's template that would be written otherwise today, since the platform's settings changed:
   * they take effect with the next revision, for a template is settled once its Revision exists.
   */
  readonly outdated: readonly string[];
}

const AUTOSCALING = /^spec\.template\.metadata\.annotations\.autoscaling\.knative\.dev\//;

interface Context {
  readonly fn: FunctionWish;
  readonly revisions: readonly RevisionWish[];
  readonly live: LiveFunction;
  readonly settings: KnativeSettings;
  readonly namespace: string;
}

function refOf(apiVersion: string, kind: string, namespace: string, name: string): ObjectRef {
  return { apiVersion, kind, namespace, name };
}

function hasRevision(live: LiveFunction, name: string): boolean {
  return live.revisions.some((revision) => revision.metadata.name === name);
}

/**
 * The Service's step. A revision that is missing is made by applying its template, the oldest first and one at a time. Once
 * all exist the template is let be, whatever it says: Knative refuses another one under the same name. Only one that is
 * none of ours, because somebody edited the Service, is replaced.
 */
function serviceSteps(context: Context, wanted: KubeObject): { steps: Step[]; complete: boolean } {
  const { fn, revisions, live, settings } = context;
  const byNumber = revisions.toSorted((a, b) => a.desired.ref.number - b.desired.ref.number);
  const missing = byNumber.find(({ desired }) => !hasRevision(live, desired.ref.name));
  const apply = (object: KubeObject): Step => ({ kind: "apply", manager: MANAGERS.deploy, object });
  if (missing !== undefined) {
    const isSent = live.service?.spec.template.metadata?.name === missing.desired.ref.name;
    const object = isSent ? undefined : serviceOf(fn, missing, settings);
    return { steps: object === undefined ? [] : [apply(object)], complete: false };
  }
  const current = live.service?.spec.template.metadata?.name;
  if (current === undefined || revisionNumber(fn.function, current) === undefined) {
    return { steps: [apply(wanted)], complete: true };
  }
  const { labels, annotations } = wanted.metadata;
  const metadata = { labels: labels ?? {}, annotations: annotations ?? {} };
  if (differences(metadata, live.service?.metadata).length === 0) return { steps: [], complete: true };
  const target = refOf(SERVING, "Service", context.namespace, fn.function);
  return { steps: [{ kind: "patch", target, patch: { metadata } }], complete: true };
}

/** A Route takes no change while one of its targets fails: one without a share is left out of it then. */
function isFailing(live: LiveFunction, name: string): boolean {
  const revision = live.revisions.find(({ metadata }) => metadata.name === name) as Conditioned | undefined;
  return condition(revision, "Ready")?.status === "False";
}

/** A Route takes no target that does not exist, so that the traffic waits for all of its revisions. */
function trafficSteps({ live }: Context, applied: Applied): Step[] {
  const { traffic } = applied.object["spec"] as { traffic: readonly TrafficTarget[] };
  const exist = traffic.every(
    ({ revisionName }) => revisionName === undefined || hasRevision(live, revisionName),
  );
  const same =
    live.service !== undefined &&
    differences(traffic, live.service.spec.traffic, "spec.traffic").length === 0;
  return same || !exist ? [] : [{ kind: "apply", ...applied }];
}

function revisionSteps({ fn, revisions, live, namespace }: Context): Step[] {
  return revisions.flatMap(({ desired }): Step[] => {
    const { name } = desired.ref;
    const revision = live.revisions.find((item) => item.metadata.name === name);
    if (revision === undefined) return [];
    const scale = scalePatch(revision.metadata.annotations ?? {}, desired, fn.scaling);
    const deployment = live.deployments.get(name);
    const usesSecrets = Object.keys(desired.secrets).length > 0;
    const restart =
      deployment === undefined || !usesSecrets ? undefined : restartPatch(deployment, fn.secretsChangedAt);
    const deploymentRef = refOf("apps/v1", "Deployment", namespace, `${name}-deployment`);
    return [
      ...(scale === undefined
        ? []
        : [{ kind: "patch" as const, target: refOf(SERVING, "Revision", namespace, name), patch: scale }]),
      ...(restart === undefined ? [] : [{ kind: "patch" as const, target: deploymentRef, patch: restart }]),
    ];
  });
}

/**
 * What nobody wishes for any more. Not the revision that the template names: Knative would make it again. Not one with
 * traffic in the cluster: the traffic is moved first.
 */
function leaving({ revisions, live, namespace, fn }: Context): Step[] {
  const wanted = new Set(revisions.map(({ desired }) => desired.ref.name));
  const template = live.service?.spec.template.metadata?.name;
  const targets = (live.service?.spec.traffic ?? []) as readonly TrafficTarget[];
  const routed = new Set(targets.map((target) => target.revisionName));
  return live.revisions
    .map((revision) => revision.metadata.name)
    .filter((name) => !wanted.has(name) && name !== template && !routed.has(name))
    .filter((name) => revisionNumber(fn.function, name) !== undefined)
    .map((name) => ({ kind: "delete", target: refOf(SERVING, "Revision", namespace, name) }));
}

/**
 * What to do next so that the cluster is as wished: level-triggered, so that a restart, a lost event and somebody's
 * `kubectl delete` are the same thing. Nothing to do is no steps.
 */
export function plan(
  fn: FunctionWish,
  revisions: readonly RevisionWish[],
  live: LiveFunction,
  settings: KnativeSettings,
): Plan {
  const applied = resources(fn, revisions, settings);
  const service = applied.at(-2);
  if (service === undefined) return { steps: [], outdated: [] };
  const routable = revisions.map(({ desired }) => ({
    ...desired,
    proven: desired.proven === true && !isFailing(live, desired.ref.name),
  }));
  const traffic = { manager: MANAGERS.traffic, object: trafficOf(fn, routable, settings) };
  const context = { fn, revisions, live, settings, namespace: service.object.metadata.namespace ?? "" };
  const needed = applied.slice(0, -2).filter(({ object }) => {
    const same = (other: KubeObject): boolean =>
      other.kind === object.kind && other.metadata.name === object.metadata.name;
    return differences(object, live.objects.find(same)).length > 0;
  });
  const made = serviceSteps(context, service.object);
  const isNewest = live.service?.spec.template.metadata?.name === templateName(service.object);
  const outdated = isNewest
    ? differences(service.object["spec"], live.service?.spec, "spec").filter(
        (path) => !AUTOSCALING.test(path),
      )
    : [];
  const steps: Step[] = [
    ...needed.map((item) => ({ kind: "apply" as const, ...item })),
    ...made.steps,
    ...(live.service === undefined && !made.complete ? [] : trafficSteps(context, traffic)),
    ...revisionSteps(context),
    ...(made.complete ? leaving(context) : []),
  ];
  return { steps, outdated };
}

function templateName(service: KubeObject): string | undefined {
  return (service["spec"] as LiveService["spec"]).template.metadata?.name;
}
