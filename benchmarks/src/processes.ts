import { readdirSync, readFileSync } from "node:fs";

const TICKS_PER_SECOND = 100;

interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  readonly cpuSeconds: number;
}

function read(pid: number): ProcessInfo | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    const cpuSeconds = (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
    return { pid, parent: Number(fields[1]), cpuSeconds };
  } catch {
    return undefined;
  }
}

/** The process and all below it. Found by the parents' ids, since not every kernel lists a process's children. */
export function processTree(root: number): ProcessInfo[] {
  const all = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => read(Number(name)))
    .filter((info) => info !== undefined);
  const tree = all.filter(({ pid }) => pid === root);
  for (const { pid } of tree) tree.push(...all.filter(({ parent }) => parent === pid));
  return tree;
}

/** The command line, its words separated by spaces; empty where the process is gone. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
  } catch {
    return "";
  }
}

/**
 * Proportional set size in bytes: a page that n processes map counts 1/n for each of them. Throws where it cannot be
 * read, since a sum without it would be too small.
 */
export function pssBytes(pid: number): number {
  const rollup = readFileSync(`/proc/${pid}/smaps_rollup`, "utf8");
  const kilobytes = Number(/^Pss:\s+(\d+) kB$/m.exec(rollup)?.[1]);
  if (!(kilobytes >= 0)) throw new Error(`no proportional set size of process ${pid}`);
  return kilobytes * 1024;
}

/** Runtime servers below a platform: instances and the generic workers of the warm pool. */
export function runtimeServers(platform: number): number[] {
  return processTree(platform)
    .map(({ pid }) => pid)
    .filter((pid) => /server_main\.py|server\/main\.js/.test(commandLine(pid)));
}
