import type { Secret } from "@hanzo-fn/contract";
import { type Kubernetes, type LeaderSettings, leadWhile } from "@hanzo-fn/kubernetes";
import { abortable, type Clock, createWorkQueue, type Service, withDeadline } from "@hanzo-fn/lifecycle";
import type { Deployer, ResolveSecrets, RevisionRef, RevisionStatus } from "../../engine.ts";
import { dryRun } from "./dry-run.ts";
import { lookAtFunction } from "./function-looks.ts";
import { type FunctionState, newState, takeWish } from "./function-state.ts";
import type { GatewayTokens } from "./gateway-tokens.ts";
import { createLogTails } from "./log-tails.ts";
import { namespaceOf } from "../names.ts";
import { type ClusterView, observeCluster, type Place, placeKey } from "./observe.ts";
import { createOrganisations, isOurs } from "./organisation.ts";
import { createPublications } from "./publications.ts";
import type { Publisher } from "../publish.ts";
import { beginRemoval } from "./removal.ts";
import type { KnativeSettings } from "../settings.ts";
import { createStatuses } from "./statuses.ts";

export interface KnativeDeployerDependencies {
  readonly kubernetes: Kubernetes;
  readonly publish: Publisher["publish"];
  readonly resolveSecrets: ResolveSecrets;
  /** Without it functions have no gateway. */
  readonly gatewayTokens?: GatewayTokens | undefined;
  readonly clock: Clock;
  readonly log: {
    debug(msg: string, fields?: object): void;
    info(msg: string, fields?: object): void;
    warn(msg: string, fields?: object): void;
  };
}

export interface KnativeDeployerOptions {
  /** Set where several processes share a cluster: one of them at a time writes, the others look. */
  readonly leader?: LeaderSettings | undefined;
  /** Of the registry, as the kubelet reads them (`.dockerconfigjson`). */
  readonly registryCredentials?: Secret | undefined;
  /** Functions that are looked at at once: 16. */
  readonly concurrency?: number | undefined;
}

/** For all of a dry run: a webhook may take 10 s, by Knative's own setting. */
const CHECK_LIMIT_MS = 45_000;

export type KnativeDeployer = Deployer & Required<Pick<Deployer, "retain" | "check">> & Service;

/**
 * Functions as Knative Services, level-triggered: a wish, a change in the cluster and a resync ask for the same look. Takes
 * wishes in before it starts, and does without a cluster that is away: looks are tried again until it is back.
 */
export function createKnativeDeployer(
  deps: KnativeDeployerDependencies,
  settings: KnativeSettings,
  options: KnativeDeployerOptions = {},
): KnativeDeployer {
  const { kubernetes, clock, log, gatewayTokens, resolveSecrets } = deps;
  const states = new Map<string, FunctionState>();
  const life = new AbortController();
  const viewed = Promise.withResolvers<ClusterView>();
  const working = new Set<Promise<void>>();
  /** Keys of all functions there are; undefined until somebody said so. */
  let retained: Set<string> | undefined;
  let view: ClusterView | undefined;
  /** Aborts when this process leads no more; undefined while another does. */
  let term: AbortSignal | undefined;
  let leading: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;

  const keyOf = (org: string, name: string): string =>
    placeKey({ namespace: namespaceOf(org, settings), function: name });
  const stateOf = (org: string, name: string): FunctionState => {
    const key = keyOf(org, name);
    const state = states.get(key) ?? newState({ namespace: namespaceOf(org, settings), function: name }, org);
    states.set(key, state);
    return state;
  };
  const publications = createPublications({
    publish: deps.publish,
    clock,
    onChange: ({ ref }) => queue.add(keyOf(ref.org, ref.function)),
  });
  const tails = createLogTails({ kubernetes, clock, log });
  const statuses = createStatuses({ view: () => view, publications, tails, settings, clock });
  const wishFor = (state: FunctionState, wish: FunctionState["wish"]): void => {
    for (const { key } of takeWish(state, wish)) {
      publications.forget(key);
      tails.forget(key);
    }
  };

  const { registryCredentials } = options;
  const organisations = createOrganisations({ kubernetes, settings, registryCredentials });
  const lookAtNamespace = async (
    current: ClusterView,
    namespace: string,
    signal: AbortSignal,
  ): Promise<void> => {
    organisations.doubt(namespace);
    const inside = [...states].filter(([, { place }]) => place.namespace === namespace);
    const wish = inside.map(([, state]) => state.wish).find((item) => item !== undefined);
    if (wish === undefined || term === undefined) return;
    await organisations.ensure(current, wish.org, signal);
    // Whoever waited for the namespace, for a minute by now, need not any more.
    for (const [key, { trouble }] of inside) if (trouble !== undefined) queue.add(key);
  };
  /** What the cluster has of a function that is no more. */
  const takeDownOrphan = (current: ClusterView, place: Place): void => {
    const key = placeKey(place);
    if (retained === undefined || retained.has(key) || states.has(key)) return;
    if (!isOurs(current.namespace(place.namespace), settings)) return;
    log.info("the cluster has something of a function that is no more", { ...place });
    const state = newState(place, undefined);
    states.set(key, state);
    void beginRemoval(state, clock);
    queue.add(key);
  };
  const lookFor = async (key: string, current: ClusterView, signal: AbortSignal): Promise<void> => {
    const [namespace = "", name] = key.split("/");
    if (name === undefined) return await lookAtNamespace(current, namespace, signal);
    const state = states.get(key);
    if (state === undefined) {
      const { service, objects, revisions } = current.live({ namespace, function: name });
      const isThere = service !== undefined || objects.length > 0 || revisions.length > 0;
      return isThere ? takeDownOrphan(current, { namespace, function: name }) : undefined;
    }
    const parts = {
      ...{ kubernetes, view: current, publications, statuses, tails, settings, clock, log },
      ...{ resolveSecrets, gatewayTokens, addAfter: queue.addAfter },
      ensureOrganisation: (org: string, until: AbortSignal) => organisations.ensure(current, org, until),
    };
    if ((await lookAtFunction(parts, state, term !== undefined, signal)) === "over") states.delete(key);
  };
  const work = async (key: string, given: AbortSignal): Promise<void> => {
    const signal = AbortSignal.any([given, life.signal, ...(term === undefined ? [] : [term])]);
    try {
      const current = await abortable(viewed.promise, signal);
      // Nothing is judged, and nothing removed, before everything was seen once.
      await abortable(current.synced, signal);
      await lookFor(key, current, signal);
    } catch (error) {
      // Of a term that is over: the next leader looks again.
      if (!signal.aborted) throw error;
    }
  };
  const queue = createWorkQueue({
    clock,
    concurrency: options.concurrency ?? 16,
    work(key, signal) {
      const one = work(key, signal);
      const settled = one.catch(() => {}).finally(() => working.delete(settled));
      working.add(settled);
      return one;
    },
    onFailure({ key, error, attempt, delayMs }) {
      const level = attempt === 1 || attempt % 10 === 0 ? "warn" : "debug";
      log[level]("a look at the cluster failed", { key, error, attempt, again_in_ms: Math.round(delayMs) });
    },
  });

  const lead = async (signal: AbortSignal): Promise<void> => {
    term = signal;
    for (const key of states.keys()) queue.add(key);
    const { promise: over, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => resolve(), { once: true });
    if (!signal.aborted) await over;
    term = undefined;
    await Promise.allSettled(working);
  };
  const orphansOnceSeen = (): void => {
    const all = async (current: ClusterView): Promise<void> => {
      await current.synced;
      for (const place of current.functions()) takeDownOrphan(current, place);
    };
    if (view !== undefined) all(view).catch(() => {});
  };
  const stop = async (graceMs: number): Promise<void> => {
    await queue.stop(graceMs);
    life.abort(new Error("the engine is stopping"));
    await publications.stop();
    await leading;
  };

  const status = (ref: RevisionRef): RevisionStatus | undefined => {
    const state = states.get(keyOf(ref.org, ref.function));
    const desired = state?.wish?.revisions.find((item) => item.ref.key === ref.key);
    return state === undefined || desired === undefined ? undefined : statuses.of(state, desired);
  };

  return {
    name: "engine/knative",
    async start(signal) {
      signal.throwIfAborted();
      if (view !== undefined) return;
      const hasBudget = Object.values(settings.quota).some((value) => value !== undefined);
      view = observeCluster(kubernetes, { hasBudget }, (key) => queue.add(key), life.signal);
      viewed.resolve(view);
      orphansOnceSeen();
      const { leader } = options;
      leading =
        leader === undefined
          ? lead(life.signal)
          : leadWhile({ kubernetes, clock, log }, leader, lead, life.signal);
    },
    stop(graceMs) {
      stopping ??= stop(graceMs);
      return stopping;
    },
    async apply(desired, signal) {
      signal.throwIfAborted();
      wishFor(stateOf(desired.org, desired.function), desired);
      queue.add(keyOf(desired.org, desired.function));
    },
    async remove(ref, signal) {
      signal.throwIfAborted();
      const state = stateOf(ref.org, ref.function);
      wishFor(state, undefined);
      retained?.delete(keyOf(ref.org, ref.function));
      const gone = beginRemoval(state, clock);
      queue.add(keyOf(ref.org, ref.function));
      await abortable(gone, signal);
    },
    retain(functions) {
      retained = new Set(functions.map((item) => keyOf(item.org, item.function)));
      orphansOnceSeen();
    },
    check: (desired, signal) =>
      withDeadline(clock, CHECK_LIMIT_MS, signal, async (until) => {
        const current = await abortable(viewed.promise, until);
        await abortable(current.synced, until);
        const hasGateway = gatewayTokens !== undefined;
        return await dryRun(
          { kubernetes, view: current, resolveSecrets, hasGateway, settings },
          desired,
          until,
        );
      }),
    observe: statuses.observe,
    status,
    ready: (ref) => status(ref)?.instances.filter(({ state }) => state === "ready").length,
  };
}
