import { formatBytes, PlatformError } from "@hanzo-fn/contract";
import type { DesiredFunction, WishCheck } from "../engine.ts";
import type { RuntimeLaunch } from "./launch.ts";
import { checkRuntime } from "./local-starter.ts";

export interface Machine {
  readonly runtimes: Readonly<Record<string, RuntimeLaunch>>;
  readonly memoryBytes: number;
  readonly maxInstances: number;
}

/** Whether this machine can run the newest revision at all. */
export function checkWish(machine: Machine, { scaling, revisions }: DesiredFunction): WishCheck {
  const newest = revisions.toSorted((a, b) => b.ref.number - a.ref.number)[0];
  if (newest === undefined) return { refused: [], warnings: [] };
  const warnings: string[] = [];
  if (newest.memoryBytes > machine.memoryBytes) {
    const words = `resources.memory: ${formatBytes(newest.memoryBytes)} is more than the ${formatBytes(machine.memoryBytes)} of this machine`;
    warnings.push(words);
  }
  if (scaling.minInstances > machine.maxInstances) {
    const words = `scaling.min_instances: this machine holds ${machine.maxInstances} instances of all functions together (local.max_instances)`;
    warnings.push(words);
  }
  try {
    checkRuntime(machine.runtimes, newest);
    return { refused: [], warnings };
  } catch (error) {
    if (error instanceof PlatformError) return { refused: [error], warnings };
    throw error;
  }
}
