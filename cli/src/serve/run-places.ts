import { tmpdir } from "node:os";
import type { Config } from "@hanzo-fn/contract";
import { defaultRunDir, defaultUids } from "@hanzo-fn/engine";
import type { DataDir } from "./data-dir.ts";

export interface UidRange {
  readonly base: number;
  readonly count: number;
}

/** Sockets of this machine's instances and of the gateway. */
export function runDirOf({ dir }: { readonly dir: DataDir }): string {
  return defaultRunDir(tmpdir(), dir.root);
}

/** Users that belong to this platform where it is root: the first two build, the others run instances. */
export function uidRange({ local }: Config, runDir: string): UidRange {
  return local.uidBase === undefined ? defaultUids(runDir) : { base: local.uidBase, count: local.uidCount };
}
