import { opendir, stat } from "node:fs/promises";
import { join } from "node:path";
import { processTree, residentBytes } from "@hanzo-fn/instance";

/** What a build's command may use, beside time. */
export interface UseLimits {
  /** Resident bytes of the command and its descendants together. */
  readonly memoryBytes: number;
  /** Bytes of all files below `diskRoots`, beyond what was there when the command began. */
  readonly diskBytes: number;
  readonly diskRoots: readonly string[];
}

const MEMORY_EVERY_MS = 200;
const DISK_EVERY_MS = 500;
/** Looking at the disk may take this part of the time. */
const DISK_SHARE = 0.1;
const MIB = 1024 * 1024;

/** Bytes of all files below a directory; what vanishes meanwhile counts as nothing. */
async function bytesBelow(path: string): Promise<number> {
  let sum = 0;
  try {
    for await (const entry of await opendir(path)) {
      const child = join(path, entry.name);
      if (entry.isDirectory()) sum += await bytesBelow(child);
      else if (entry.isFile()) sum += (await stat(child).catch(() => undefined))?.size ?? 0;
    }
  } catch {
    return sum;
  }
  return sum;
}

async function bytesOf(roots: readonly string[]): Promise<number> {
  let sum = 0;
  for (const root of roots) sum += await bytesBelow(root);
  return sum;
}

function words(bytes: number): string {
  return `${Math.round(bytes / MIB)} MiB`;
}

/** Looks at a running command until the returned function is called; `onExceeded` gets the reason, once. */
export function watchUse(
  pid: number | undefined,
  limits: UseLimits | undefined,
  onExceeded: (reason: string) => void,
): () => void {
  if (pid === undefined || limits === undefined) return () => {};
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  const stop = (): void => {
    stopped = true;
    clearInterval(memory);
    clearTimeout(timer);
  };
  const exceed = (reason: string): void => {
    if (stopped) return;
    stop();
    onExceeded(reason);
  };
  const memory = setInterval(() => {
    if (residentBytes(processTree(pid)) > limits.memoryBytes)
      exceed(`it used more than ${words(limits.memoryBytes)} of memory`);
  }, MEMORY_EVERY_MS);
  const disk = async (before: number): Promise<void> => {
    const begin = performance.now();
    const used = (await bytesOf(limits.diskRoots)) - before;
    if (used > limits.diskBytes) return exceed(`it wrote more than ${words(limits.diskBytes)}`);
    const pause = Math.max(DISK_EVERY_MS, (performance.now() - begin) / DISK_SHARE);
    if (!stopped) timer = setTimeout(() => void disk(before), pause);
  };
  void bytesOf(limits.diskRoots).then(disk);
  return stop;
}
