import { tmpdir } from "node:os";
import type { Config, LogSink } from "@hanzo-fn/contract";
import {
  createLocalEngine,
  defaultRunDir,
  defaultUids,
  type Gateway,
  KNATIVE_DEFAULTS,
  type LocalEngine,
} from "@hanzo-fn/engine";
import { type Builds, openBuilds } from "./builds.ts";
import type { Parts } from "./parts.ts";
import { installRuntimes } from "./runtimes.ts";

interface UidRange {
  readonly base: number;
  readonly count: number;
}

/** Users that belong to this platform where it is root: the first two build, the others run instances. */
function uidRange({ local }: Config, runDir: string): UidRange {
  return local.uidBase === undefined ? defaultUids(runDir) : { base: local.uidBase, count: local.uidCount };
}

function engineOptions({ local, limits }: Config, uids: UidRange) {
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

/** Sockets of this machine's instances and of the gateway. */
export function runDirOf({ dir }: Pick<Parts, "dir">): string {
  return defaultRunDir(tmpdir(), dir.root);
}

/** The local engine with its runtimes and its builder. */
export async function openLocalEngine(
  { config, dir, blobs, secrets, clock, log }: Parts,
  { logs, gateway }: { readonly logs: LogSink; readonly gateway: Gateway },
  signal: AbortSignal,
): Promise<{ engine: LocalEngine; builds: Builds }> {
  const runtimes = await installRuntimes(dir.runtimes, config.local, signal);
  const runDir = runDirOf({ dir });
  const uids = uidRange(config, runDir);
  const builds = await openBuilds({
    config,
    dir,
    blobs,
    runtimes,
    uids: { source: uids.base, registry: uids.base + 1 },
    logs,
    clock,
    log,
  });
  const engine = createLocalEngine(
    {
      runtimes: runtimes.launches,
      prepare: builds.prepare,
      resolveSecrets: secrets.resolve,
      gateway,
      logs,
      log,
      clock,
      runDir,
    },
    engineOptions(config, { base: uids.base + 2, count: uids.count - 2 }),
  );
  return { engine, builds };
}

/** What this machine's local engine does not enforce, in words. */
export function unenforcedLimits(engine: LocalEngine): string[] {
  const items = engine.isolation().filter((item) => !item.enforced);
  return [...new Set(items.map((item) => item.detail))];
}
