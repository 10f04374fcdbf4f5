import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Confinement, User } from "./confinement.ts";
import { toolEnvironment } from "./environment.ts";
import { runTool, type ToolResult } from "./run-tool.ts";

export const DEFAULT_TIMEOUT_MS = 600_000;
const GIB = 1024 ** 3;
export const DEFAULT_MAX_MEMORY_BYTES = 4 * GIB;
export const DEFAULT_MAX_DISK_BYTES = 4 * GIB;

export type OnOutput = (line: string) => void;

export interface ToolCall {
  readonly cwd: string;
  /** Holds `home` and `tmp`. */
  readonly scratch: string;
  readonly env?: Readonly<Record<string, string>> | undefined;
  /**
   * Whose code runs: a command of `registry` only fetches and compiles, and writes to the shared caches; one of
   * `source` may run what the source or its packages bring along, as a user that can write to none of them.
   */
  readonly runs: "registry" | "source";
  /** Without any network, where the machine allows that. Only with `runs: "source"`. */
  readonly offline?: boolean | undefined;
  /** Directories whose growth is limited. */
  readonly diskRoots?: readonly string[] | undefined;
  readonly onLine?: ((line: string, from: "stdout" | "stderr") => void) | undefined;
  readonly signal: AbortSignal;
}

/** Runs the commands of builds, each with no more than it needs. */
export interface Tools {
  run(command: readonly string[], call: ToolCall): Promise<ToolResult>;
  readonly timeoutMs: number;
  /** The user of commands that write to the shared caches; undefined where the platform is not root. */
  readonly registryUser: User | undefined;
  readonly sourceUser: User | undefined;
}

export interface ToolSettings {
  readonly runAs?: User | undefined;
  readonly fetchAs?: User | undefined;
  readonly hostEnvironment: Readonly<Record<string, string | undefined>>;
  readonly timeoutMs?: number | undefined;
  readonly maxMemoryBytes?: number | undefined;
  readonly maxDiskBytes?: number | undefined;
}

async function isProgram(file: string, path: string): Promise<boolean> {
  const places = file.includes("/") ? [file] : path.split(delimiter).map((dir) => join(dir, file));
  for (const place of places) {
    const found = await access(place, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (found) return true;
  }
  return false;
}

export function createTools(settings: ToolSettings, confinement: Confinement): Tools {
  const timeoutMs = settings.timeoutMs ?? DEFAULT_TIMEOUT_MS;
  const registryUser = settings.fetchAs ?? settings.runAs;
  return {
    timeoutMs,
    registryUser,
    sourceUser: settings.runAs,
    async run(command, { cwd, scratch, env, runs, offline, diskRoots, onLine, signal }) {
      const isolated = offline === true ? confinement.offline : undefined;
      const alone = runs === "source" ? (isolated ?? confinement.contained) : undefined;
      const user = runs === "registry" ? registryUser : settings.runAs;
      const environment = { ...toolEnvironment(settings.hostEnvironment, scratch), ...env };
      // The programs before it would only say that they could not start it.
      if (!(await isProgram(command[0] ?? "", environment["PATH"] ?? ""))) {
        return { kind: "missing", reason: "ENOENT" };
      }
      return runTool(command, {
        cwd,
        env: environment,
        prefix: alone ?? confinement.limited,
        runAs: alone === undefined ? user : undefined,
        timeoutMs,
        limits: {
          memoryBytes: settings.maxMemoryBytes ?? DEFAULT_MAX_MEMORY_BYTES,
          diskBytes: settings.maxDiskBytes ?? DEFAULT_MAX_DISK_BYTES,
          diskRoots: diskRoots ?? [],
        },
        onLine,
        signal,
      });
    },
  };
}
