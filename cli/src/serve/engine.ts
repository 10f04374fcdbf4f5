import type { LogSink, ManifestOptions } from "@hanzo-fn/contract";
import type { Engine, Gateway } from "@hanzo-fn/engine";
import type { Service } from "@hanzo-fn/lifecycle";
import type { FunctionRow } from "@hanzo-fn/store";
import { openLocalEngine } from "./local.ts";
import type { Parts } from "./parts.ts";

/** What runs functions, as the other planes of this process see it. */
export interface ServedEngine extends Engine {
  /** In the order of their start. */
  readonly services: readonly Service[];
  readonly manifestOptions: ManifestOptions;
  /** What this engine does not enforce here, and what it lacks, in words. */
  warnings(): readonly string[];
  /** What of a function's wishes it does not enforce. */
  unenforced(row: FunctionRow): readonly string[];
  /** Whether the address is known to be that of another organisation's instance. */
  isForeign?(org: string, address: string): boolean;
  /** Removes builds and images that no revision on record needs. */
  collect(): Promise<void>;
  close(): Promise<void>;
}

export interface EngineDeps {
  readonly logs: LogSink;
  readonly gateway: Gateway;
}

/** The engine that the configuration chooses. Loads what only that engine needs. */
export async function openEngine(parts: Parts, deps: EngineDeps, signal: AbortSignal): Promise<ServedEngine> {
  if (parts.engine === "local") return openLocalEngine(parts, deps, signal);
  const { openKnativeEngine } = await import("./knative.ts");
  return openKnativeEngine(parts, deps, signal);
}
