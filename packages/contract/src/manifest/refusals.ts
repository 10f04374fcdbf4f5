import type { Problem } from "../document/issues.ts";
import { runtimeName } from "./rules.ts";
import type { RuntimeName } from "./types.ts";

export interface RefusalOptions {
  /** True where the platform has a GPU pool. */
  readonly gpuPool?: boolean | undefined;
  /** Runtimes that this platform cannot run, and why, in words for a user. */
  readonly unavailable?: Readonly<Partial<Record<RuntimeName, string>>> | undefined;
  /** True where events are made by hand (`hanzo-fn dev`): what only a platform serves is taken as it is. */
  readonly simulated?: boolean | undefined;
}

/** What is valid, but what this build or platform cannot serve. Nothing is accepted and silently ignored. */
export function refusals(value: unknown, options: RefusalOptions): Problem[] {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  const manifest = value as Readonly<Record<string, unknown>>;
  const problems: Problem[] = [];
  const runtime = runtimeName(manifest["runtime"]);
  const lacking = runtime === undefined ? undefined : options.unavailable?.[runtime];
  if (lacking !== undefined) {
    const rule = `this platform cannot run the runtime ${runtime}: ${lacking}`;
    problems.push({
      path: ["runtime"],
      rule,
      suggestion: "hanzo-fn doctor, on the platform's machine, says what is there",
      error: "unsupported",
    });
  }
  if (options.simulated === true) return problems;
  const resources = manifest["resources"] as Readonly<Record<string, unknown>> | null | undefined;
  if (resources?.["gpu"] !== undefined && options.gpuPool !== true) {
    problems.push({
      path: ["resources", "gpu"],
      rule: "this platform has no GPU pool (gpu_pool.enabled is false)",
      suggestion: "remove resources.gpu, or deploy to a platform with a GPU pool",
      error: "gpu_unavailable",
    });
  }
  if ((manifest["edge"] as { enabled?: unknown } | null | undefined)?.enabled === true) {
    problems.push({
      path: ["edge"],
      rule: "this build does not deploy to the Edge",
      suggestion: "remove edge",
      error: "unsupported",
      key: true,
    });
  }
  return problems;
}
