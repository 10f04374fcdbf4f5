import { type FSWatcher, watch } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@hanzo-fn/lifecycle";
import { changedPaths, isNoSource, scanSource, type SourceState } from "./source-scan.ts";

export interface SourceWatch {
  /** The number of the newest change that is known. */
  readonly version: number;
  /** The number of the newest change, 1 at first. It is looked for now: what was saved before the call is counted. */
  look(): number;
  /** Counts a change that no file shows. */
  touch(): number;
  /** Resolves when nothing was saved for a moment, or at `untilMs` (monotonic) although saves go on. */
  quiet(untilMs: number, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** An editor that empties a file and writes it anew does so within this. */
const QUIET_MS = 12;
/** Where looking takes longer than this, requests do not wait for it and the kernel's word is taken. */
const LONG_LOOK_MS = 4;
/** The quickest of so many looks says how long one takes: any single one may have waited for a busy machine. */
const LOOKS = 8;
const POLL_MS = 300;

/** Watches a source with one watcher per folder; where the kernel has none left, by looking again and again. */
export function createSourceWatch(
  deps: { readonly clock: Clock; readonly onChange: (paths: readonly string[]) => void },
  root: string,
): SourceWatch {
  const { clock, onChange } = deps;
  const watchers = new Map<string, FSWatcher>();
  let state: SourceState = new Map();
  let version = 0;
  let changedAtMs = -Infinity;
  const lookMs: number[] = [];
  let polling: NodeJS.Timeout | undefined;
  let soon: NodeJS.Immediate | undefined;

  const poll = (): void => {
    polling ??= setInterval(() => lookNow(), POLL_MS).unref();
  };
  const onEvent = (name: string | null): void => {
    if (name !== null && isNoSource(name)) return;
    // One look for all events of one turn of the loop.
    soon ??= setImmediate(() => {
      soon = undefined;
      lookNow();
    });
  };
  const open = (folder: string): void => {
    try {
      const watcher = watch(join(root, folder), (_, name) => onEvent(name));
      watcher.on("error", () => {
        watcher.close();
        watchers.delete(folder);
        poll();
      });
      watchers.set(folder, watcher);
    } catch {
      poll();
    }
  };
  const follow = (): void => {
    const folders = new Set(["", ...[...state.keys()].filter((path) => path.endsWith("/"))]);
    for (const folder of folders) if (!watchers.has(folder)) open(folder);
    for (const [folder, watcher] of watchers) {
      if (folders.has(folder)) continue;
      watcher.close();
      watchers.delete(folder);
    }
  };
  const lookNow = (): number => {
    const begun = clock.monotonic();
    const next = scanSource(root);
    const changed = changedPaths(state, next);
    state = next;
    lookMs.push(clock.monotonic() - begun);
    if (lookMs.length > LOOKS) lookMs.shift();
    if (changed.length === 0 && version > 0) return version;
    follow();
    version += 1;
    changedAtMs = clock.monotonic();
    if (version > 1) onChange(changed);
    return version;
  };

  const isLong = (): boolean => Math.min(...lookMs) > LONG_LOOK_MS;

  lookNow();
  changedAtMs = -Infinity;
  return {
    get version() {
      return version;
    },
    look: () => (isLong() && polling === undefined ? version : lookNow()),
    touch() {
      version += 1;
      onChange([]);
      return version;
    },
    async quiet(untilMs, signal) {
      for (;;) {
        const now = clock.monotonic();
        const left = Math.min(changedAtMs + QUIET_MS, untilMs) - now;
        if (left <= 0) return;
        await clock.sleep(left, signal);
        lookNow();
      }
    },
    close() {
      clearInterval(polling);
      clearImmediate(soon);
      for (const watcher of watchers.values()) watcher.close();
    },
  };
}
