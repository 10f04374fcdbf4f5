import { PlatformError, Secret } from "@hanzo-fn/contract";
import { type Kubernetes, statusOf } from "@hanzo-fn/kubernetes";
import type { DesiredFunction, DesiredRevision, ResolveSecrets, WishCheck } from "../../engine.ts";
import { MANAGERS, SERVING, type KubeObject } from "../kube.ts";
import { namespaceOf, ownName } from "../names.ts";
import { checkNamespace, organisationResources } from "../namespace.ts";
import { plan, type Step } from "../plan.ts";
import { egressWarnings } from "../policies.ts";
import type { KnativeSettings } from "../settings.ts";
import { resolveKnown } from "./function-secrets.ts";
import { gather, imageOf } from "./gather.ts";
import { kindOf } from "./kinds.ts";
import { asOfNow } from "./look.ts";
import type { ClusterView, LiveCluster } from "./observe.ts";
import { liveNamespace } from "./organisation.ts";
import { inWords } from "./steps.ts";

export interface DryRunDependencies {
  readonly kubernetes: Pick<Kubernetes, "get" | "apply" | "patch">;
  readonly view: ClusterView;
  readonly resolveSecrets: ResolveSecrets;
  readonly hasGateway: boolean;
  readonly settings: KnativeSettings;
}

/** Stands for the digest of an image that was not made yet. */
const NO_DIGEST = `sha256:${"0".repeat(64)}`;

function placeholderImage({ ref }: DesiredRevision, { registry }: KnativeSettings): string {
  return `${registry ?? "registry.invalid"}/${ref.function}@${NO_DIGEST}`;
}

/** The API server's no with all of its own words, whatever ours say beside them. */
function verbatim(error: unknown, about: Parameters<typeof inWords>[1]): PlatformError {
  const status = statusOf(error);
  // Nobody said no: the question could not be asked.
  if (status === undefined) throw error;
  const said = inWords(error, about);
  const { code, message, next } = said;
  if (code === "unavailable" && status.code >= 500) throw error;
  if (message.includes(status.message)) return said;
  const more = { component: "engine/knative", ...about, ...(next === undefined ? {} : { next }) };
  return new PlatformError(code, `${message} (${status.message})`, more);
}

/**
 * A template whose account does not exist yet is sent with the namespace's default account: Knative's webhook has the pod
 * checked by the API server in a dry run, and that refuses a pod without its account.
 */
function withAccount(object: KubeObject, live: LiveCluster): KubeObject {
  const isThere = live.objects.some(
    ({ kind, metadata }) => kind === "ServiceAccount" && metadata.name === ownName(object.metadata.name),
  );
  if (object.kind !== "Service" || object.apiVersion !== SERVING || isThere) return object;
  const spec = object["spec"] as { template?: { spec?: object } };
  if (spec.template?.spec === undefined) return object;
  const template = { ...spec.template, spec: { ...spec.template.spec, serviceAccountName: "default" } };
  return { ...object, spec: { ...spec, template } };
}

async function tryStep(
  { kubernetes }: DryRunDependencies,
  step: Step,
  live: LiveCluster,
  signal: AbortSignal,
): Promise<void> {
  if (step.kind === "delete") return;
  if (step.kind === "apply") {
    const options = { fieldManager: step.manager, force: true, dryRun: true };
    await kubernetes.apply(kindOf(step.object), withAccount(step.object, live), options, signal);
    return;
  }
  const patch = { type: "merge", merge: step.patch } as const;
  await kubernetes.patch(kindOf(step.target), step.target, patch, { dryRun: true }, signal);
}

/** One that is new, tried by itself: what is to be in it cannot be tried before it is there. */
async function tryNamespace(
  { kubernetes, settings }: DryRunDependencies,
  { org, function: name }: DesiredFunction,
  signal: AbortSignal,
): Promise<PlatformError[]> {
  const [first] = organisationResources(org, settings);
  if (first === undefined) return [];
  const options = { fieldManager: MANAGERS.deploy, force: true, dryRun: true };
  try {
    await kubernetes.apply(kindOf(first.object), first.object, options, signal);
    return [];
  } catch (error) {
    signal.throwIfAborted();
    return [verbatim(error, { function: name, kind: "Namespace" })];
  }
}

interface Rehearsal {
  readonly steps: readonly Step[];
  readonly refused: readonly PlatformError[];
}

/** The steps to the newest revision, as if its image were there. Throws what `plan` throws for names and values. */
async function rehearse(
  { resolveSecrets, hasGateway, settings }: DryRunDependencies,
  desired: DesiredFunction,
  newest: DesiredRevision,
  live: LiveCluster,
  signal: AbortSignal,
): Promise<Rehearsal> {
  const running = new Map(live.revisions.map((revision) => [revision.metadata.name, imageOf(revision)]));
  const kept = desired.revisions.filter(({ ref }) => ref.name === newest.ref.name || running.has(ref.name));
  const secrets = await resolveKnown(resolveSecrets, desired, kept, signal);
  const images = new Map(
    kept.map((revision) => [
      revision.ref.name,
      running.get(revision.ref.name) ?? placeholderImage(revision, settings),
    ]),
  );
  const isNew = !running.has(newest.ref.name);
  const tokens = new Map(hasGateway && isNew ? [[newest.ref.name, new Secret("dry-run")]] : []);
  const { fn, revisions, held } = gather({ desired, kept, live, secrets, images, tokens });
  return { steps: plan(fn, revisions, live, settings).steps, refused: [...held.values()] };
}

/**
 * Sends what a deploy of this wish would send with `dryRun=All`: defaults, validation, webhooks, quota and policies see it,
 * and nothing is stored. Knative's own webhook has the pod of the template tried as well. Rejects where the API server
 * cannot be asked.
 */
export async function dryRun(
  deps: DryRunDependencies,
  desired: DesiredFunction,
  signal: AbortSignal,
): Promise<WishCheck> {
  const { view, settings } = deps;
  const { org, function: name, egress = [] } = desired;
  const namespace = namespaceOf(org, settings);
  const warnings = egressWarnings(egress, settings);
  const newest = desired.revisions.toSorted((a, b) => b.ref.number - a.ref.number)[0];
  if (newest === undefined) return { refused: [], warnings };
  try {
    const found = await liveNamespace(deps, view, namespace, signal);
    checkNamespace(found, org, settings);
    const seen = view.live({ namespace, function: name });
    const live = await asOfNow(
      deps,
      { namespace, function: name },
      { org, live: seen, revision: newest.ref.name },
      signal,
    );
    if (live === undefined) {
      const words = `an earlier ${name} is leaving the cluster: what it would be now cannot be tried`;
      return { refused: [], warnings: [...warnings, words] };
    }
    const { steps, refused } = await rehearse(deps, desired, newest, live, signal);
    if (found === undefined || found.metadata.deletionTimestamp !== undefined) {
      const words = `the namespace ${namespace} does not exist yet: quota, policies and webhooks were tried for the namespace alone`;
      return {
        refused: [...refused, ...(await tryNamespace(deps, desired, signal))],
        warnings: [...warnings, words],
      };
    }
    const answers = await Promise.all(
      steps.map(async (step): Promise<PlatformError[]> => {
        try {
          await tryStep(deps, step, live, signal);
          return [];
        } catch (error) {
          signal.throwIfAborted();
          const { kind } = step.kind === "apply" ? step.object : step.target;
          return [verbatim(error, { function: name, revision: newest.ref.name, kind })];
        }
      }),
    );
    return { refused: [...refused, ...answers.flat()], warnings };
  } catch (error) {
    signal.throwIfAborted();
    const isOurs = error instanceof PlatformError && statusOf(error) === undefined && !error.retryable;
    if (!isOurs) throw error;
    return { refused: [error], warnings };
  }
}
