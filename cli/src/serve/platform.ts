import { mkdir } from "node:fs/promises";
import type { Config } from "@hanzo-fn/contract";
import { controlPlaneServer, createApp, createHandlers, createReconciler } from "@hanzo-fn/control-plane";
import {
  createInvoker,
  createProxyServer,
  createRouteFeed,
  type Invoker,
  type ProxyOptions,
} from "@hanzo-fn/invoke-proxy";
import { createGroup } from "@hanzo-fn/lifecycle";
import { createFiguresSink, createLogSink } from "@hanzo-fn/store";
import { createInvocationMetrics, createRegistry } from "@hanzo-fn/telemetry";
import { createBudget, REPLICA_BUDGET } from "@hanzo-fn/trigger-manager";
import { createControl, uploadFolder } from "./control.ts";
import { openBrokers } from "./brokers.ts";
import { openEngine } from "./engine.ts";
import { createGarbageCollector } from "./garbage.ts";
import { openGateway } from "./gateway.ts";
import { openLayer } from "./layer.ts";
import { createMetricsService } from "./metrics-service.ts";
import { createObserver } from "./observer.ts";
import { openParts, type Parts } from "./parts.ts";
import { runDirOf } from "./run-places.ts";
import { openTasks } from "./tasks.ts";
import { createTraces } from "./traces.ts";
import { createTriggers } from "./triggers.ts";

export interface Platform {
  readonly engine: "local" | "knative";
  readonly dataDir: string;
  readonly urls: {
    readonly api: string;
    readonly invoke: string;
    readonly metrics: string;
    readonly layer?: string;
  };
  /** Set where the platform is its own issuer. */
  readonly adminKey: string | undefined;
  /** What this engine does not enforce on this machine. */
  readonly warnings: readonly string[];
  stop(): Promise<void>;
}

const MAX_TARGET_BYTES = 8192;
const MAX_HEADERS = 100;

function urlOf(host: string, port: number): string {
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}

function proxyOptions({ server, limits }: Config): ProxyOptions {
  return {
    host: server.host,
    port: server.invokePort,
    maxConnections: limits.maxConnections,
    limits: { maxHeadBytes: limits.maxHeadBytes, maxTargetBytes: MAX_TARGET_BYTES, maxHeaders: MAX_HEADERS },
    headTimeoutMs: limits.headTimeoutMs,
    bodyWindowMs: limits.bodyIdleTimeoutMs,
    idleTimeoutMs: limits.keepAliveTimeoutMs,
  };
}

/** All planes in this process. Rejects where a port is taken, the database cannot start, or the data directory is in use. */
export async function startPlatform(config: Config, signal: AbortSignal): Promise<Platform> {
  const parts = await openParts(config, signal);
  try {
    return await startPlanes(parts, signal);
  } catch (error) {
    await parts.store.close();
    throw error;
  }
}

async function startPlanes(parts: Parts, signal: AbortSignal): Promise<Platform> {
  const { config, clock, log, dir, store, blobs, authenticator } = parts;
  const { server, limits, observability } = config;
  const registry = createRegistry(observability.metricsNamespace);
  const metrics = createInvocationMetrics(registry);
  const traces = createTraces(observability, { clock, log, fetch: globalThis.fetch });
  const logs = createLogSink({ store, clock, log });
  const figures = createFiguresSink({ store, clock, log });
  const brokers = openBrokers(parts);
  const { publishers } = brokers;
  const { gateway, signedObject } = await openGateway(parts, {
    publishers,
    registry,
    runDir: runDirOf(parts),
    apiUrl: () => urlOf(server.host, api.port()),
    isForeign: (org, address) => engine.isForeign?.(org, address) ?? false,
  });
  const engine = await openEngine(parts, { logs, gateway }, signal);
  await mkdir(uploadFolder(parts), { recursive: true, mode: 0o700 });

  const logRequests = observability.logLevel === "debug" || observability.logLevel === "trace";
  const observer = createObserver({ metrics, figures, traces, log, logRequests });
  const budget = createBudget(REPLICA_BUDGET);
  const tasks = await openTasks(parts, { registry, budget, publishers, invoker: () => invoker });
  const invoker: Invoker = createInvoker(
    { authenticator, instances: engine.instances, clock, observer, acceptLater: tasks.accept },
    { maxBodyBytes: limits.maxBodyBytes, traceSampling: observability.traceSampling },
  );
  const proxy = createProxyServer({ invoker }, proxyOptions(config));
  const feed = createRouteFeed({ store, table: invoker, clock, log });
  const reconciler = createReconciler({
    store,
    deployer: engine.deployer,
    clock,
    log,
    refreshRoutes: feed.refresh,
  });
  const triggers = createTriggers({ ...parts, brokers, engine, invoker, registry, budget });
  const control = createControl({
    ...parts,
    engine,
    invoker,
    reconciler,
    metrics,
    tasks,
    signedObject,
    publishers,
    triggers,
    invokeUrl: () => urlOf(server.host, proxy.address().port),
  });
  const api = controlPlaneServer(createApp({ authenticator, handlers: createHandlers(control), log }), {
    host: server.host,
    port: server.apiPort,
    maxHeadBytes: limits.maxHeadBytes,
  });
  let ready = false;
  const metricsService = createMetricsService({
    host: server.host,
    port: server.metricsPort,
    registry,
    ready: () => ready,
  });
  const layer = await openLayer(parts);
  const garbage = createGarbageCollector({ store, blobs, collectBuilds: engine.collect, clock, log });
  const spans = traces === undefined ? [] : [traces.exporter];
  const group = createGroup([
    ...spans,
    logs,
    figures,
    brokers.service,
    gateway,
    ...engine.services,
    feed,
    reconciler,
    proxy,
    api,
    // Stopped before the proxy, whose connections their calls use.
    triggers,
    ...tasks.services,
    metricsService,
    ...(layer === undefined ? [] : [layer]),
    garbage,
  ]);
  await group.start(signal);
  ready = true;
  const urls = {
    api: urlOf(server.host, api.port()),
    invoke: control.view.invokeUrl,
    metrics: urlOf(server.host, metricsService.port()),
    ...(layer === undefined ? {} : { layer: urlOf(server.host, layer.port()) }),
  };
  log.info("ready", {
    ...urls,
    engine: engine.kind,
    data_dir: dir.root,
    pid: process.pid,
    gateway: gateway.tcpUrl(),
  });
  return {
    engine: engine.kind,
    dataDir: dir.root,
    urls,
    adminKey: parts.adminKey,
    warnings: engine.warnings(),
    async stop() {
      ready = false;
      log.info("stopping");
      await group.stop(config.local.drainTimeoutMs);
      await engine.close();
      await store.close();
    },
  };
}
