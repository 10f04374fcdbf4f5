import type { FunctionLogEntry, FunctionRoutes } from "@hanzo-fn/contract";
import { loadConfig } from "@hanzo-fn/contract";
import { revisionRef, type DesiredRevision, type RevisionRef } from "@hanzo-fn/engine";
import {
  createKnativeIngress,
  createKnativeInstances,
  createPlatformServices,
  createPodLogs,
  knativeSettings,
  organisationResources,
  resources,
  type Applied,
  type FunctionWish,
  type KnativeInstances,
  type KnativeSettings,
} from "@hanzo-fn/engine/knative";
import { createInvoker, createProxyServer } from "@hanzo-fn/invoke-proxy";
import {
  createKubernetes,
  kubeconfigAccess,
  type Draft,
  type Kind,
  type Kubernetes,
} from "@hanzo-fn/kubernetes";
import { createGroup, systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog } from "@hanzo-fn/testkit";
import type { Cluster } from "./open.ts";

const PLURALS: Readonly<Record<string, string>> = { NetworkPolicy: "networkpolicies" };

function kindOf({ object }: Applied): Kind {
  const { apiVersion, kind, metadata } = object;
  const plural = PLURALS[kind] ?? `${kind.toLowerCase()}s`;
  return { apiVersion, kind, plural, namespaced: metadata.namespace !== undefined };
}

/** Not to be met by a test on a busy machine. */
const TIMEOUT_MS = 30_000;

export interface TestFunction {
  readonly org: string;
  readonly name: string;
  readonly image: string;
  readonly concurrency: number;
}

function desiredOf({ org, name, concurrency }: TestFunction): DesiredRevision {
  return {
    ref: revisionRef(org, name, 1),
    runtime: "go",
    entry: "hello",
    sourceDigest: `sha256:${"0".repeat(64)}`,
    environment: { TARGET: "world" },
    secrets: {},
    cpuMillis: 10,
    memoryBytes: 32 * 2 ** 20,
    timeoutMs: TIMEOUT_MS,
    concurrency,
    percent: 100,
  };
}

function wishOf({ org, name }: TestFunction): FunctionWish {
  return {
    org,
    function: name,
    scaling: { minInstances: 0, maxInstances: 3, targetConcurrency: 5, scaleDownDelayMs: 0 },
    egress: [],
    secrets: new Map(),
  };
}

function routesOf(
  { org, function: name, name: revisionName, number }: RevisionRef,
  path: string,
): FunctionRoutes {
  const revision = { name: revisionName, number, runtime: "go", timeoutMs: TIMEOUT_MS, percent: 100 };
  const methods = ["GET"];
  const route = { triggerId: `trg_${name}`, path, methods, auth: "none" } as const;
  return { org, function: name, generation: 1, revisions: [revision], routes: [route] };
}

export interface FunctionsPlatform extends AsyncDisposable {
  readonly kubernetes: Kubernetes;
  readonly settings: KnativeSettings;
  readonly instances: KnativeInstances;
  readonly logs: readonly FunctionLogEntry[];
  /** Of the proxy; functions are at `/<name>`. */
  readonly url: string;
  /** As a deploy does: the objects of the organisation and of the function, and its route. */
  deploy(fn: TestFunction): Promise<void>;
  /** The route `/<org>/<function>` alone: the objects are somebody else's to make. */
  route(revision: RevisionRef): void;
}

export interface FunctionsOptions {
  readonly gatewayPort: number;
  /** Of the configuration's section `knative`. */
  readonly knative?: object | undefined;
  readonly log?: ReturnType<typeof recordingLog> | undefined;
  /** The port of this machine at which the API server is reached, where it is not its own. */
  readonly apiServerPort?: number | undefined;
  /** See `createKubernetes`. */
  readonly watchSilenceMs?: number | undefined;
}

/** The engine's half of calls on a cluster, with a proxy before it, and no control plane. */
export async function openFunctions(cluster: Cluster, options: FunctionsOptions): Promise<FunctionsPlatform> {
  const { gatewayPort, log = recordingLog(), apiServerPort, watchSilenceMs } = options;
  const signal = new AbortController().signal;
  const clock = systemClock;
  const access = await kubeconfigAccess(clock, { files: [cluster.kubeconfig], environment: {} });
  const server = apiServerPort === undefined ? access.server : new URL(`https://127.0.0.1:${apiServerPort}`);
  const kubernetes = createKubernetes({ config: { ...access, server }, clock, log }, { watchSilenceMs });
  const platform = {
    platform_addresses: [cluster.hostAddress],
    gateway_port: gatewayPort,
    domain: "fn.example.test",
    ...options.knative,
  };
  const loaded = loadConfig({ text: JSON.stringify({ auth: { org: "home" }, knative: platform }), env: {} });
  const settings = knativeSettings(loaded.config);
  const logs: FunctionLogEntry[] = [];

  const instances = createKnativeInstances(
    { kubernetes, clock, log },
    { ...settings, queueDepth: 100, queueTimeoutMs: 60_000 },
  );
  const authenticator = { cached: () => undefined, authenticate: () => Promise.resolve(undefined) };
  const nobody = (): void => {};
  const observer = {
    started: nobody,
    finished: nobody,
    record: nobody,
    access: nobody,
    onInternalError: nobody,
  };
  const invoker = createInvoker({ authenticator, instances, clock, observer });
  const proxy = createProxyServer({ invoker }, { host: "127.0.0.1", port: 0 });
  const group = createGroup([
    createPlatformServices({ kubernetes, clock, log }, settings),
    instances,
    createKnativeIngress({ kubernetes, revisions: instances, clock, log }, settings),
    createPodLogs({ kubernetes, sink: { append: (entry) => void logs.push(entry) }, clock, log }),
    proxy,
  ]);
  await group.start(signal);

  const apply = async (applied: Applied): Promise<void> => {
    const options = { fieldManager: applied.manager, force: true };
    await kubernetes.apply(kindOf(applied), applied.object as Draft<never>, options, signal);
  };
  return {
    kubernetes,
    settings,
    instances,
    logs,
    url: `http://127.0.0.1:${proxy.address().port}`,
    async deploy(fn) {
      const revision = { desired: desiredOf(fn), image: fn.image, version: "1.0.0" };
      const objects = [
        ...organisationResources(fn.org, settings),
        ...resources(wishOf(fn), [revision], settings),
      ];
      for (const object of objects) await apply(object);
      invoker.upsert(routesOf(revisionRef(fn.org, fn.name, 1), `/${fn.name}`));
    },
    route: (ref) => invoker.upsert(routesOf(ref, `/${ref.org}/${ref.function}`)),
    async [Symbol.asyncDispose]() {
      await group.stop(1000);
      kubernetes.close();
    },
  };
}
