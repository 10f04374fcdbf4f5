import { join } from "node:path";
import { publish, type Publishers } from "@hanzo-fn/brokers";
import type { Config } from "@hanzo-fn/contract";
import type { Control, Reconciler } from "@hanzo-fn/control-plane";
import { revisionRef } from "@hanzo-fn/engine";
import type { Invoker } from "@hanzo-fn/invoke-proxy";
import type { Store } from "@hanzo-fn/store";
import type { InvocationMetrics } from "@hanzo-fn/telemetry";
import { createCronTimes, type TriggerManager } from "@hanzo-fn/trigger-manager";
import { VERSION } from "../version.ts";
import type { ServedEngine } from "./engine.ts";
import type { Parts } from "./parts.ts";
import type { ServedTasks } from "./tasks.ts";

/** HIP-60: no file of a source is larger than 100 MB. */
const MAX_FILE_BYTES = 100_000_000;
const MAX_PATH_BYTES = 1024;

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

function healthOf(store: Store, engine: ServedEngine): Control["health"] {
  return async () => {
    const database = await store.health().then(
      () => "ok",
      () => "unavailable",
    );
    return {
      status: database === "ok" ? "ok" : "degraded",
      version: VERSION,
      engine: engine.kind,
      checks: { database },
      warnings: [...engine.warnings()],
    };
  };
}

function uploadLimits({ limits }: Config): Control["limits"] {
  return {
    maxManifestBytes: limits.maxManifestBytes,
    source: {
      maxArchiveBytes: limits.maxSourceBytes,
      maxFileBytes: MAX_FILE_BYTES,
      maxTotalBytes: limits.maxUnpackedBytes,
      maxEntries: limits.maxEntries,
      maxPathBytes: MAX_PATH_BYTES,
    },
  };
}

export function uploadFolder({ dir }: Pick<Parts, "dir">): string {
  return join(dir.temp, "uploads");
}

export interface ControlParts extends Omit<Parts, "engine"> {
  readonly engine: ServedEngine;
  readonly invoker: Invoker;
  readonly reconciler: Reconciler;
  readonly metrics: InvocationMetrics;
  readonly tasks: ServedTasks;
  readonly signedObject: Control["signedObject"];
  readonly publishers: Publishers;
  readonly triggers: Pick<TriggerManager, "lag" | "prepare" | "redrive">;
  /** Known when the proxy listens. */
  readonly invokeUrl: () => string;
}

/** What the handlers of :8060 need, from the parts of this process. */
export function createControl(parts: ControlParts): Control {
  const { store, blobs, clock, log, reconciler, secrets, engine, invoker, metrics, triggers } = parts;
  return {
    store,
    blobs,
    clock,
    log,
    reconciler,
    view: {
      get invokeUrl() {
        return parts.invokeUrl();
      },
      status: (row) => engine.deployer.status(revisionRef(row.org, row.function, row.number)),
      unenforced: engine.unenforced,
    },
    hasSecret: secrets.has,
    secrets: secrets.admin,
    invoke: invokeThrough(invoker),
    triggers: { ...triggers, times: createCronTimes() },
    tasks: parts.tasks,
    signedObject: parts.signedObject,
    publish: (publication, by, signal) => {
      const author = { ...by, source: "api" };
      return publish(parts.publishers, publication, { author, nowMs: clock.now(), signal });
    },
    health: healthOf(store, engine),
    forget(_org, name) {
      metrics.forget(name);
      parts.tasks.forget(name);
    },
    manifestOptions: engine.manifestOptions,
    limits: uploadLimits(parts.config),
    tempDir: uploadFolder(parts),
    version: VERSION,
  };
}
