import { mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { MemoryControl, MemoryGroup } from "./instance.ts";
import { processTree, residentBytes } from "./processes.ts";

const WATCH_MS = 100;
const REMOVE_TRIES = 20;

const readText = (path: string): string => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
};

const tryWrite = (path: string, value: string): boolean => {
  try {
    writeFileSync(path, value);
    return true;
  } catch {
    return false;
  }
};

interface CgroupFiles {
  readonly limit: string;
  /** Swap would let a process live on far beyond its limit. */
  readonly swap: string;
  swapValue(bytes: number): string;
  readonly events: string;
}

const FILES: Readonly<Record<"cgroup1" | "cgroup2", CgroupFiles>> = {
  cgroup2: { limit: "memory.max", swap: "memory.swap.max", swapValue: () => "0", events: "memory.events" },
  cgroup1: {
    limit: "memory.limit_in_bytes",
    swap: "memory.memsw.limit_in_bytes",
    swapValue: String,
    events: "memory.oom_control",
  },
};

async function removeGroup(path: string, clock: Clock): Promise<void> {
  // A group is busy until the kernel has let go of its last process, shortly after the exit is seen.
  for (let attempt = 0; attempt < REMOVE_TRIES; attempt++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EBUSY") return;
    }
    await clock.sleep(10 * (attempt + 1));
  }
}

/** Control groups below `root`, a directory that is made and is the platform's own. */
export function cgroupControl(kind: "cgroup1" | "cgroup2", root: string, clock: Clock): MemoryControl {
  const files = FILES[kind];
  return {
    kind,
    open(id) {
      const path = join(root, id);
      mkdirSync(path, { recursive: true });
      const kills = (): number =>
        Number(/^oom_kill (\d+)/m.exec(readText(join(path, files.events)))?.[1] ?? 0);
      return {
        adopt: (pid) => writeFileSync(join(path, "cgroup.procs"), String(pid)),
        limit(bytes) {
          // v1 wants memory+swap to stay above memory: lowering takes one order, raising the other.
          if (!tryWrite(join(path, files.limit), String(bytes))) {
            tryWrite(join(path, files.swap), files.swapValue(bytes));
            writeFileSync(join(path, files.limit), String(bytes));
          }
          tryWrite(join(path, files.swap), files.swapValue(bytes));
        },
        hit: () => kills() > 0,
        pids: () => readText(join(path, "cgroup.procs")).split("\n").filter(Boolean).map(Number),
        close: () => removeGroup(path, clock),
      };
    },
  };
}

/** Looks at the resident size of the process tree every 100 ms: for where no control group may be written. */
export function rssControl(clock: Clock, watchMs: number = WATCH_MS): MemoryControl {
  return {
    kind: "rss",
    open(_id, onHit): MemoryGroup {
      const stop = new AbortController();
      let limit = Number.POSITIVE_INFINITY;
      let pid: number | undefined;
      let hit = false;
      let watching = false;
      const watch = async (): Promise<void> => {
        if (watching || pid === undefined || limit === Number.POSITIVE_INFINITY) return;
        watching = true;
        while (!stop.signal.aborted && !hit) {
          if (residentBytes(processTree(pid)) > limit) {
            hit = true;
            onHit();
          } else await clock.sleep(watchMs, stop.signal).catch(() => undefined);
        }
      };
      return {
        adopt(started) {
          pid = started;
          void watch();
        },
        limit(bytes) {
          limit = bytes;
          void watch();
        },
        hit: () => hit,
        pids: () => [],
        close: async () => stop.abort(),
      };
    },
  };
}

/** Limits nothing: for where there is neither a control group nor /proc. */
export const noMemoryControl: MemoryControl = {
  kind: "none",
  open: () => ({ adopt() {}, limit() {}, hit: () => false, pids: () => [], close: async () => {} }),
};
