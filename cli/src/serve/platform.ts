import { mkdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Blobs, openDiskBlobs } from "@hanzo-fn/blobs";
import { type Authenticator, type Config, type InvocationRecord, PlatformError } from "@hanzo-fn/contract";
import {
  createApiServer,
  createApp,
  createHandlers,
  createReconciler,
  type Control,
} from "@hanzo-fn/control-plane";
import {
  createLocalEngine,
  defaultRunDir,
  defaultUids,
  KNATIVE_DEFAULTS,
  type LocalEngine,
  revisionRef,
} from "@hanzo-fn/engine";
import { createInvoker, createProxyServer, createRouteFeed, type Invoker } from "@hanzo-fn/invoke-proxy";
import { createGroup, systemClock } from "@hanzo-fn/lifecycle";
import { createFiguresSink, createLogSink, openStore, type Store } from "@hanzo-fn/store";
import { createInvocationMetrics, createLogger, createRegistry, type Logger } from "@hanzo-fn/telemetry";
import { VERSION } from "../version.ts";
import { openBuilds } from "./builds.ts";
import { type DataDir, makeDataDir } from "./data-dir.ts";
import { createGarbageCollector } from "./garbage.ts";
import { openIdentity } from "./identity.ts";
import { createMetricsService } from "./metrics-service.ts";
import { installRuntimes } from "./runtimes.ts";
import { openSecrets, type Secrets } from "./secrets.ts";
import { createTraces } from "./traces.ts";

export interface Platform {
  readonly engine: "local";
  readonly dataDir: string;
  readonly urls: { readonly api: string; readonly invoke: string; readonly metrics: string };
  /** Set where the platform is its own issuer. */
  readonly adminKey: string | undefined;
  /** What this engine does not enforce on this machine. */
  readonly warnings: readonly string[];
  stop(): Promise<void>;
}

const clock = systemClock;

function createPlatformLogger(config: Config): Logger {
  return createLogger({
    level: config.observability.logLevel,
    service: "hanzo-fn",
    version: VERSION,
    env: config.observability.environment,
    write: (line) => void process.stdout.write(`${line}\n`),
  });
}

interface UidRange {
  readonly base: number;
  readonly count: number;
}

/** Users that belong to this platform where it is root: the first installs dependencies, the others run instances. */
function uidRange({ local }: Config, runDir: string): UidRange {
  return local.uidBase === undefined ? defaultUids(runDir) : { base: local.uidBase, count: local.uidCount };
}

function localEngineOptions(config: Config, uids: UidRange) {
  const { local, limits } = config;
  return {
    maxInstances: local.maxInstances,
    warmWorkersDefault: local.warmWorkers,
    queueDepth: limits.queueDepth,
    queueTimeoutMs: limits.queueTimeoutMs,
    loadTimeoutMs: local.loadTimeoutMs,
    autoscaler: {
      ...KNATIVE_DEFAULTS,
      stableWindowMs: local.stableWindowMs,
      panicWindowMs: local.panicWindowMs,
      zeroGraceMs: local.scaleToZeroGraceMs,
    },
    uids,
  };
}

function urlOf(host: string, port: number): string {
  const shown = host === "0.0.0.0" || host === "::" ? "127.0.0.1" : host;
  return `http://${shown.includes(":") ? `[${shown}]` : shown}:${port}`;
}

/** What the control plane asks the proxy's phases for, in process. */
function invokeThrough(invoker: Invoker): Control["invoke"] {
  return async (request, { identity, signal }) =>
    invoker.invoke(
      {
        org: request.org,
        function: request.function,
        target: `/v1/functions/${request.function}/invoke${request.query}`,
        headers: { ...Object.fromEntries(request.headers), "x-request-id": request.requestId },
        body: request.body as AsyncIterable<Buffer>,
        revision: request.revision,
      },
      identity,
      signal,
    );
}

interface Parts {
  readonly config: Config;
  readonly log: Logger;
  readonly dir: DataDir;
  readonly store: Store;
  readonly blobs: Blobs;
  readonly secrets: Secrets;
  readonly authenticator: Authenticator;
  readonly adminKey: string | undefined;
}

async function openParts(config: Config, log: Logger, signal: AbortSignal): Promise<Parts> {
  const dir = await makeDataDir(config.dataDir);
  const { database, limits } = config;
  const store = await openStore({
    database:
      database.url === undefined ? { embedded: { dataDir: dir.root } } : { url: database.url.reveal() },
    maxConnections: database.maxConnections,
    maxLogBytesPerFunction: limits.logBytesPerFunction,
    log,
    clock,
    signal,
  });
  try {
    const blobs = await openDiskBlobs({ directory: dir.blobs });
    const secrets = openSecrets(config, dir, clock);
    const { authenticator, adminKey } = await openIdentity({ config, store, clock, log }, dir.adminKeyFile);
    return { config, log, dir, store, blobs, secrets, authenticator, adminKey };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The engine's view of a row, for presenting live state. */
function liveStatus(engine: LocalEngine): Control["view"]["status"] {
  return (row) => engine.deployer.status(revisionRef(row.org, row.function, row.number));
}

/** This build has the local engine, whose instances live in the process of the proxy, and the planes that it needs. */
function requireServed({ engine, planes }: Config): void {
  const unsupported = (message: string, next: string): PlatformError =>
    new PlatformError("unsupported", message, { component: "serve", next });
  if (engine === "knative") {
    throw unsupported("this build has no Knative engine", "set engine to local or auto");
  }
  for (const plane of ["api", "proxy"] as const) {
    if (!planes.includes(plane)) {
      throw unsupported(
        `the local engine needs the plane ${plane} in its process`,
        "set planes to [api, proxy]",
      );
    }
  }
}

/** All planes in this process. Rejects where a port is taken, the database cannot start, or the data directory is in use. */
export async function startPlatform(config: Config, signal: AbortSignal): Promise<Platform> {
  requireServed(config);
  const log = createPlatformLogger(config);
  const parts = await openParts(config, log, signal);
  try {
    return await startPlanes(parts, signal);
  } catch (error) {
    await parts.store.close();
    throw error;
  }
}

async function startPlanes(parts: Parts, signal: AbortSignal): Promise<Platform> {
  const { config, log, dir, store, blobs, secrets, authenticator } = parts;
  const { server, limits } = config;
  const runtimes = await installRuntimes(dir.runtimes, config.local, signal);
  const runDir = defaultRunDir(tmpdir(), dir.root);
  const uids = uidRange(config, runDir);
  const builds = await openBuilds({ config, dir, blobs, runtimes, uid: uids.base, clock, log });
  const registry = createRegistry(config.observability.metricsNamespace);
  const metrics = createInvocationMetrics(registry);
  const traces = createTraces(config.observability, { clock, log, fetch: globalThis.fetch });
  const logs = createLogSink({ store, clock, log });
  const figures = createFiguresSink({ store, clock, log });
  await mkdir(join(dir.temp, "uploads"), { recursive: true, mode: 0o700 });

  const engine = createLocalEngine(
    {
      runtimes: runtimes.launches,
      prepare: builds.prepare,
      resolveSecrets: secrets.resolve,
      logs,
      log,
      clock,
      runDir,
    },
    localEngineOptions(config, { base: uids.base + 1, count: uids.count - 1 }),
  );
  let ready = false;
  const invoker = createInvoker(
    {
      authenticator,
      instances: engine.instances,
      clock,
      observer: {
        started: metrics.started,
        finished: metrics.finished,
        record(record: InvocationRecord) {
          metrics.record(record);
          figures.record(record);
        },
        access(entry, durationMs, errorCode) {
          traces?.access(entry, durationMs, errorCode);
          log.debug("request", {
            request_id: entry.requestId,
            "http.method": entry.method,
            "http.path": entry.path,
            "http.status": entry.status,
            latency_ms: Math.round(durationMs * 10) / 10,
            "error.type": errorCode === "" ? undefined : errorCode,
            org_id: entry.identity?.org,
            function: entry.fn?.function,
          });
        },
        onInternalError: (error) => log.error("invocation failed inside the platform", { error }),
      },
    },
    { maxBodyBytes: limits.maxBodyBytes, traceSampling: config.observability.traceSampling },
  );
  const proxy = createProxyServer(
    { invoker },
    {
      host: server.host,
      port: server.invokePort,
      maxConnections: limits.maxConnections,
      limits: { maxHeadBytes: limits.maxHeadBytes, maxTargetBytes: 8192, maxHeaders: 100 },
      headTimeoutMs: limits.headTimeoutMs,
      bodyWindowMs: limits.bodyIdleTimeoutMs,
      idleTimeoutMs: limits.keepAliveTimeoutMs,
    },
  );
  const feed = createRouteFeed({ store, table: invoker, clock, log });
  const reconciler = createReconciler({
    store,
    deployer: engine.deployer,
    clock,
    log,
    refreshRoutes: (org, name) => feed.refresh(org, name),
  });
  let invokeUrl = "";
  const isolation = (): string[] => [
    ...new Set(
      engine
        .isolation()
        .filter((item) => !item.enforced)
        .map((item) => item.detail),
    ),
  ];
  const control: Control = {
    store,
    blobs,
    clock,
    log,
    reconciler,
    view: {
      get invokeUrl() {
        return invokeUrl;
      },
      status: liveStatus(engine),
      unenforced: (row) =>
        (row.network.egress?.length ?? 0) > 0
          ? [
              "network.egress is stored, but the local engine cannot enforce it: the function reaches what this machine reaches",
            ]
          : [],
    },
    hasSecret: secrets.has,
    secrets: secrets.admin,
    invoke: invokeThrough(invoker),
    async health() {
      const database = await store.health().then(
        () => "ok",
        () => "unavailable",
      );
      return {
        status: database === "ok" ? "ok" : "degraded",
        version: VERSION,
        engine: engine.kind,
        checks: { database },
        warnings: isolation(),
      };
    },
    forget: (_org, name) => metrics.forget(name),
    manifestOptions: builds.manifestOptions,
    limits: {
      maxManifestBytes: limits.maxManifestBytes,
      source: {
        maxArchiveBytes: limits.maxSourceBytes,
        maxFileBytes: 100_000_000,
        maxTotalBytes: limits.maxUnpackedBytes,
        maxEntries: limits.maxEntries,
        maxPathBytes: 1024,
      },
    },
    tempDir: join(dir.temp, "uploads"),
    version: VERSION,
  };
  const api = createApiServer(createApp({ authenticator, handlers: createHandlers(control), log }), {
    host: server.host,
    port: server.apiPort,
    maxHeadBytes: limits.maxHeadBytes,
  });
  const metricsService = createMetricsService({
    host: server.host,
    port: server.metricsPort,
    registry,
    ready: () => ready,
  });
  const garbage = createGarbageCollector({ store, blobs, collectBuilds: builds.collect(store), clock, log });
  const group = createGroup([
    ...(traces === undefined ? [] : [traces.exporter]),
    logs,
    figures,
    engine,
    feed,
    reconciler,
    proxy,
    api,
    metricsService,
    garbage,
  ]);
  await group.start(signal);
  ready = true;
  const urls = {
    api: urlOf(server.host, api.port()),
    invoke: urlOf(server.host, proxy.address().port),
    metrics: urlOf(server.host, metricsService.port()),
  };
  invokeUrl = urls.invoke;
  log.info("ready", { ...urls, engine: engine.kind, data_dir: dir.root, pid: process.pid });
  return {
    engine: engine.kind,
    dataDir: dir.root,
    urls,
    adminKey: parts.adminKey,
    warnings: isolation(),
    async stop() {
      ready = false;
      log.info("stopping");
      await group.stop(config.local.drainTimeoutMs);
      await builds.close();
      await store.close();
    },
  };
}
