import type { Config } from "@hanzo-fn/contract";
import { createLocalEngine, KNATIVE_DEFAULTS, type LocalEngine } from "@hanzo-fn/engine";
import { openBuilds } from "./builds.ts";
import type { EngineDeps, ServedEngine } from "./engine.ts";
import type { Parts } from "./parts.ts";
import { runDirOf, type UidRange, uidRange } from "./run-places.ts";

const NO_EGRESS =
  "network.egress is stored, but the local engine cannot enforce it: the function reaches what this machine reaches";

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

/** The local engine with its runtimes and its builder. */
export async function openLocalEngine(
  parts: Parts,
  { logs, gateway }: EngineDeps,
  signal: AbortSignal,
): Promise<ServedEngine> {
  const { config, secrets, clock, log } = parts;
  const builds = await openBuilds(parts, logs, signal);
  const runDir = runDirOf(parts);
  const uids = uidRange(config, runDir);
  const engine = createLocalEngine(
    {
      runtimes: builds.runtimes.launches,
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
  return {
    kind: engine.kind,
    deployer: engine.deployer,
    instances: engine.instances,
    services: [engine],
    manifestOptions: { ...builds.manifestOptions, engine: "local" },
    warnings: () => unenforcedLimits(engine),
    unenforced: (row) => ((row.network.egress?.length ?? 0) > 0 ? [NO_EGRESS] : []),
    collect: builds.collect,
    close: builds.close,
  };
}

/** What this machine's local engine does not enforce, in words. */
function unenforcedLimits(engine: LocalEngine): string[] {
  const items = engine.isolation().filter((item) => !item.enforced);
  return [...new Set(items.map((item) => item.detail))];
}
