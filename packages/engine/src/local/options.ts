import type { Backoff } from "@hanzo-fn/lifecycle";
import { KNATIVE_DEFAULTS, type AutoscalerConfig } from "../autoscaler/index.ts";

export interface LocalEngineOptions {
  /** Instances of all functions together; generic workers of the warm pool are not counted. */
  readonly maxInstances: number;
  /** Generic workers kept ready per runtime name; a runtime not named keeps `warmWorkersDefault`. */
  readonly warmWorkers: Readonly<Record<string, number>>;
  readonly warmWorkersDefault: number;
  /** Calls that wait per revision; one more is refused with `no_capacity`. */
  readonly queueDepth: number;
  readonly queueTimeoutMs: number;
  /** Interpreters that may boot at the same time; more only slow each other down. */
  readonly bootsAtOnce: number;
  /** From spawn to a listening runtime. */
  readonly bootTimeoutMs: number;
  /** From `specialise` to loaded code; code that needs longer is killed. */
  readonly loadTimeoutMs: number;
  /** How often the autoscaler looks at a revision that has anything to look at. */
  readonly tickMs: number;
  /** How soon after a request began to wait it looks again. */
  readonly pokeMs: number;
  readonly autoscaler: Omit<
    AutoscalerConfig,
    "targetConcurrency" | "scaleDownDelayMs" | "minInstances" | "maxInstances"
  >;
  /** How long an idle instance may take to exit after SIGTERM. */
  readonly stopGraceMs: number;
  /** Beyond the function's timeout, how long a draining instance may still hold calls. */
  readonly drainSlackMs: number;
  /** What an event loop has to answer a ping within, when a call overran its deadline. */
  readonly pingTimeoutMs: number;
  /** How long `diagnose` waits for the exit of an instance whose connection broke. */
  readonly diagnoseMs: number;
  /** Crashes in a row, without one finished call between them, from which on starts are delayed. */
  readonly crashThreshold: number;
  readonly crashBackoff: Backoff;
  /** How long `status` still tells of the last crash. */
  readonly failureShownMs: number;
  /** A range of uids that belong to instances; used where the platform is root. Undefined: one uid for all. */
  readonly uids: { readonly base: number; readonly count: number } | undefined;
  /** `auto`: a control group where one is writable, else the watch on resident size. */
  readonly memoryLimit: "auto" | "rss" | "none";
}

export const LOCAL_DEFAULTS: LocalEngineOptions = {
  maxInstances: 100,
  warmWorkers: {},
  warmWorkersDefault: 1,
  queueDepth: 1000,
  queueTimeoutMs: 60_000,
  bootsAtOnce: 4,
  bootTimeoutMs: 15_000,
  loadTimeoutMs: 30_000,
  tickMs: 2000,
  pokeMs: 50,
  autoscaler: KNATIVE_DEFAULTS,
  stopGraceMs: 3000,
  drainSlackMs: 5000,
  pingTimeoutMs: 500,
  diagnoseMs: 500,
  crashThreshold: 3,
  crashBackoff: { initialMs: 1000, factor: 2, maxMs: 60_000 },
  failureShownMs: 600_000,
  uids: undefined,
  memoryLimit: "auto",
};
