import { readFileSync, readdirSync } from "node:fs";

const PAGE_BYTES = 4096;

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
};

/**
 * When a process started, in clock ticks since boot; with the pid it names a process for good. Undefined where
 * there is no such process, or no /proc. A zombie runs no more: it is none.
 */
export function startTime(pid: number): string | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // The command may hold spaces and parentheses: fields count from the last one, the third is the state.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields?.[0] === "Z" || fields?.[0] === "X" ? undefined : fields?.[19];
}

/** The process and its descendants, as the kernel lists them now. */
export function processTree(pid: number): readonly number[] {
  const found = [pid];
  for (const current of found) {
    let threads: readonly string[];
    try {
      threads = readdirSync(`/proc/${current}/task`);
    } catch {
      continue;
    }
    for (const thread of threads) {
      const children = read(`/proc/${current}/task/${thread}/children`);
      for (const child of children?.split(" ") ?? []) if (child !== "") found.push(Number(child));
    }
  }
  return found;
}

export function residentBytes(pids: readonly number[]): number {
  let pages = 0;
  for (const pid of pids) pages += Number(read(`/proc/${pid}/statm`)?.split(" ")[1] ?? 0);
  return pages * PAGE_BYTES;
}

/** Processes whose real uid is `uid`; used only for uids that belong to one instance. */
export function processesOf(uid: number): readonly number[] {
  let names: readonly string[];
  try {
    names = readdirSync("/proc");
  } catch {
    return [];
  }
  const owned = (name: string): boolean =>
    /^\d+$/.test(name) && read(`/proc/${name}/status`)?.match(/^Uid:\s+(\d+)/m)?.[1] === String(uid);
  return names.filter(owned).map(Number);
}

/** Signals a process, or with a negative number a group; false where it is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
