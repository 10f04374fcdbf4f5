import { PlatformError, Secret } from "@hanzo-fn/contract";
import { type Kind, type Kubernetes, statusOf } from "@hanzo-fn/kubernetes";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { DesiredFunction, DesiredRevision, ResolveSecrets } from "../../engine.ts";
import { type FunctionState, type Trouble, troubleOf } from "./function-state.ts";
import { decideRotation, resolveKnown } from "./function-secrets.ts";
import type { GatewayTokens } from "./gateway-tokens.ts";
import { canPlan, gather, imageOf, keptRevisions, type Gathered } from "./gather.ts";
import { type LiveObject, REVISIONS, SERVICES } from "./kinds.ts";
import { ORG_ANNOTATION } from "../labels.ts";
import { GATEWAY_TOKEN_KEY, gatewaySecretName, ownName } from "../names.ts";
import type { ClusterView, LiveCluster, Place } from "./observe.ts";
import { plan } from "../plan.ts";
import type { Publications } from "./publications.ts";
import type { KnativeSettings } from "../settings.ts";
import { deadlineMs } from "./status.ts";
import { carryOut, revisionMade } from "./steps.ts";

export interface LookDependencies {
  readonly kubernetes: Kubernetes;
  readonly view: ClusterView;
  readonly publications: Publications;
  readonly resolveSecrets: ResolveSecrets;
  readonly gatewayTokens: GatewayTokens | undefined;
  /** Makes the namespace and what is in it once. */
  readonly ensureOrganisation: (org: string, signal: AbortSignal) => Promise<void>;
  readonly settings: KnativeSettings;
  readonly clock: Clock;
  readonly log: { info(msg: string, fields?: object): void };
}

interface Reads {
  readonly kubernetes: Pick<Kubernetes, "get">;
}

export function progressDeadlineMs({ gpu }: DesiredRevision, settings: KnativeSettings): number {
  return gpu === undefined ? settings.progressDeadlineMs : settings.gpu.progressDeadlineMs;
}

/** Images are what the cluster runs, or what was published; a revision that somebody deleted is made again from its own. */
function learnImages(
  deps: LookDependencies,
  state: FunctionState,
  kept: readonly DesiredRevision[],
  live: LiveCluster,
): void {
  for (const { ref } of kept) {
    const running = imageOf(live.revisions.find(({ metadata }) => metadata.name === ref.name));
    const publication = deps.publications.get(ref.key);
    const image = running ?? (publication?.state === "done" ? publication.published.image : undefined);
    if (image !== undefined) state.images.set(ref.name, image);
  }
}

/** Since when each revision is on its way. After a restart nobody knows, and its deadline begins anew. */
function learnTimes(deps: LookDependencies, state: FunctionState, live: LiveCluster): void {
  const nowMs = deps.clock.now();
  const present = new Set(live.revisions.map(({ metadata }) => metadata.name));
  // Somebody deleted it: it is on its way once more.
  for (const name of state.seen.difference(present)) {
    state.sent.delete(name);
    state.startMs.delete(name);
  }
  state.seen = present;
  const template = live.service?.spec.template.metadata?.name;
  if (template !== undefined && !state.sent.has(template))
    state.sent.set(template, { atMs: nowMs, byUs: false });
  for (const { metadata, status } of live.revisions) {
    const sent = state.sent.get(metadata.name);
    const isReady = status?.conditions?.some((item) => item.type === "Ready" && item.status === "True");
    if (sent?.byUs !== true || isReady !== true || state.startMs.has(metadata.name)) continue;
    state.startMs.set(metadata.name, Math.round(nowMs - sent.atMs));
  }
}

function learnTokens(
  deps: LookDependencies,
  state: FunctionState,
  kept: readonly DesiredRevision[],
  live: LiveCluster,
): void {
  const { gatewayTokens, view } = deps;
  if (gatewayTokens === undefined) return;
  for (const { ref, createdAtMs } of kept) {
    if (state.tokens.has(ref.name)) continue;
    const text = view.secret(state.place, gatewaySecretName(ref.name))?.data?.[GATEWAY_TOKEN_KEY];
    const before = text === undefined ? undefined : new Secret(Buffer.from(text, "base64").toString("utf8"));
    state.tokens.set(ref.name, { ref, token: gatewayTokens.issue({ ref, createdAtMs }, before) });
  }
  const present = new Set([
    ...kept.map(({ ref }) => ref.name),
    ...live.revisions.map(({ metadata }) => metadata.name),
  ]);
  for (const [name, { ref }] of state.tokens) {
    if (present.has(name)) continue;
    gatewayTokens.revoke(ref);
    state.tokens.delete(name);
  }
}

function learnHeld({ clock }: LookDependencies, state: FunctionState, held: Gathered["held"]): void {
  for (const name of state.held.keys()) if (!held.has(name)) state.held.delete(name);
  for (const [name, error] of held) {
    state.held.set(name, troubleOf(error, name, state.held.get(name), clock.now()));
  }
}

async function find<T extends LiveObject>(
  { kubernetes }: Reads,
  kind: Kind<T>,
  namespace: string,
  name: string,
  signal: AbortSignal,
): Promise<T | undefined> {
  try {
    return await kubernetes.get(kind, { namespace, name }, signal);
  } catch (error) {
    if (statusOf(error)?.code === 404) return undefined;
    throw error;
  }
}

/**
 * What the API server has now, before a template is sent: a watch may not have told yet of what was sent a moment ago, and
 * Knative refuses a template that is sent twice, since what its webhook filled in would be taken out of it. Undefined where
 * a watch is about to tell more. Somebody's own Service of this name is not taken over; one of ours that lost its label is.
 */
export async function asOfNow(
  deps: Reads,
  { namespace, function: name }: Place,
  { org, live, revision }: { readonly org: string; readonly live: LiveCluster; readonly revision: string },
  signal: AbortSignal,
): Promise<LiveCluster | undefined> {
  const [service, made] = await Promise.all([
    find(deps, SERVICES, namespace, name, signal),
    find(deps, REVISIONS, namespace, revision, signal),
  ]);
  if (service !== undefined && service.metadata.annotations?.[ORG_ANNOTATION] !== org) {
    const message = `a Knative Service ${namespace}/${name} exists already and is not the platform's`;
    const next = `kubectl delete ksvc ${name} -n ${namespace} (or rename the function)`;
    throw new PlatformError("conflict", message, { component: "engine/knative", function: name, next });
  }
  const isNews = made !== undefined && !live.revisions.some(({ metadata }) => metadata.name === revision);
  const isLeaving = service?.metadata.deletionTimestamp !== undefined;
  return isLeaving || (isNews && service !== undefined) ? undefined : { ...live, service };
}

async function carryOutPlan(
  deps: LookDependencies,
  state: FunctionState,
  { fn, revisions }: Gathered,
  live: LiveCluster,
  signal: AbortSignal,
): Promise<Pick<Trouble, "error" | "revision"> | undefined> {
  const { kubernetes, view, settings, clock, log } = deps;
  const liveSecret = view.secret(state.place, ownName(fn.function));
  state.rotation = decideRotation(liveSecret, fn, revisions, state.rotation, new Date(clock.now()));
  const wish = { ...fn, secretsChangedAt: state.rotation.changedAt };
  const seen = plan(wish, revisions, live, settings);
  const revision = seen.steps.map(revisionMade).find((name) => name !== undefined);
  const now =
    revision === undefined ? live : await asOfNow(deps, state.place, { org: fn.org, live, revision }, signal);
  if (now === undefined) return undefined;
  const { steps, outdated } = now === live ? seen : plan(wish, revisions, now, settings);
  const fields = { org_id: fn.org, function: fn.function };
  if (outdated.length > 0 && state.outdated !== outdated.join())
    log.info("settings of the platform changed and take effect with the next revision", {
      ...fields,
      outdated,
    });
  state.outdated = outdated.join();
  const sentAtMs = clock.now();
  const refused = await carryOut(kubernetes, fn.function, steps, signal);
  for (const name of steps.map(revisionMade)) {
    if (name === undefined || refused !== undefined) continue;
    if (!state.sent.has(name)) state.sent.set(name, { atMs: sentAtMs, byUs: true });
  }
  return refused;
}

/**
 * One look at a function that is wished for: what is not published is begun, what the cluster lacks is applied. Gives what
 * kept it from that; rejects with what concerns the whole function, and the next look begins anew.
 */
export async function lookAt(
  deps: LookDependencies,
  state: FunctionState,
  desired: DesiredFunction,
  signal: AbortSignal,
): Promise<Pick<Trouble, "error" | "revision"> | undefined> {
  const { view, settings, clock, publications } = deps;
  const live = view.live(state.place);
  learnTimes(deps, state, live);
  // It goes, and its going is told: then it is made again.
  if (live.service?.metadata.deletionTimestamp !== undefined) return undefined;
  const kept = keptRevisions(desired, settings.retention, clock.now());
  learnImages(deps, state, kept, live);
  learnTokens(deps, state, kept, live);
  const secrets = await resolveKnown(deps.resolveSecrets, desired, kept, signal);
  const tokens = new Map([...state.tokens].map(([name, { token }]) => [name, token]));
  const gathered = gather({ desired, kept, live, secrets, images: state.images, tokens });
  learnHeld(deps, state, gathered.held);
  for (const revision of gathered.unpublished) {
    publications.begin(revision, deadlineMs(progressDeadlineMs(revision, settings)));
  }
  if (!canPlan(gathered, kept)) return undefined;
  await deps.ensureOrganisation(desired.org, signal);
  return await carryOutPlan(deps, state, gathered, live, signal);
}
