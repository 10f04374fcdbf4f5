import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { FunctionLogEntry } from "@hanzo-fn/contract";
import { systemClock } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";
import type { ConformanceTimes, EngineUnderTest } from "../src/conformance.ts";
import { KNATIVE_DEFAULTS } from "../src/autoscaler/index.ts";
import {
  createLocalEngine,
  defaultUids,
  type LocalEngine,
  type LocalEngineOptions,
} from "../src/local/index.ts";
import type { LocalEngineDeps } from "../src/local/engine.ts";

const FAKE_RUNTIME = fileURLToPath(new URL("../../instance/fixtures/fake-runtime.mjs", import.meta.url));
const fixtures = (runtime: string): string =>
  fileURLToPath(new URL(`../fixtures/${runtime}`, import.meta.url));
const ENTRIES = {
  main: "handler.main",
  broken: "broken.main",
  endless: "endless.main",
  leaver: "leaver.main",
};

export const TEST_TIMES: ConformanceTimes = {
  toZeroMs: 3000,
  // More than a boot of Python takes on a machine that compiles something else meanwhile.
  queueTimeoutMs: 12_000,
  crashThreshold: 3,
};

/** Seconds instead of minutes. */
const SHORT: Partial<LocalEngineOptions> = {
  queueTimeoutMs: TEST_TIMES.queueTimeoutMs,
  loadTimeoutMs: 12_000,
  tickMs: 100,
  pokeMs: 30,
  stopGraceMs: 1000,
  autoscaler: { ...KNATIVE_DEFAULTS, stableWindowMs: 1500, panicWindowMs: 300, bucketMs: 50 },
  crashBackoff: { initialMs: 5000, factor: 1, maxMs: 5000 },
};

const silent: Logger = {
  log() {},
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silent,
};

export interface TestEngine extends EngineUnderTest {
  readonly engine: LocalEngine;
  readonly lines: FunctionLogEntry[];
  readonly runDir: string;
}

/** A local engine on one runtime, the fake one unless told otherwise, in a directory of its own that `close` removes. */
export async function openTestEngine(
  over: Partial<LocalEngineOptions> = {},
  deps: Partial<LocalEngineDeps> = {},
  runtime: "fake" | "python" | "typescript" = "fake",
): Promise<TestEngine> {
  const home = mkdtempSync(join(tmpdir(), "hfn-test-"));
  chmodSync(home, 0o711);
  const source = join(home, "source");
  await cp(fixtures(runtime), source, { recursive: true });
  for (const path of [source, ...readdirSync(source).map((name) => join(source, name))])
    chmodSync(path, 0o755);
  const lines: FunctionLogEntry[] = [];
  const runDir = deps.runDir ?? join(home, "run");
  const engine = createLocalEngine(
    {
      runtimes: { fake: { command: process.execPath, args: [FAKE_RUNTIME], env: {} } },
      prepare: async ({ entry }) => ({ dir: source, entry, paths: [] }),
      resolveSecrets: async () => new Map(),
      logs: { append: (entry) => void lines.push(entry) },
      log: silent,
      clock: systemClock,
      ...deps,
      runDir,
    },
    { ...SHORT, uids: defaultUids(home), ...over },
  );
  await engine.start(AbortSignal.timeout(60_000));
  return {
    engine,
    lines,
    runDir,
    fixture: (name) => ({ runtime, entry: ENTRIES[name], memoryBytes: 256 * 1024 * 1024 }),
    async close() {
      await engine.stop(1000);
      rmSync(home, { recursive: true, force: true });
    },
  };
}
