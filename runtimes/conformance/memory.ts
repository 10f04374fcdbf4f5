import { readFile } from "node:fs/promises";
import type { Server } from "./server.ts";

/** KiB of a process by a line of `/proc/<pid>/status`; undefined where the system has no such file. */
async function statusKib(server: Server, name: "VmHWM" | "VmRSS"): Promise<number | undefined> {
  const text = await readFile(`/proc/${server.child.pid}/status`, "utf8").catch(() => "");
  const found = new RegExp(`^${name}:\\s+(\\d+) kB$`, "m").exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** MiB by which the peak of a server's memory during `work` lies above what it held before; 0 where nobody can tell. */
export async function growthDuring(server: Server, work: () => Promise<void>): Promise<number> {
  const before = await statusKib(server, "VmRSS");
  await work();
  const peak = await statusKib(server, "VmHWM");
  return before === undefined || peak === undefined ? 0 : (peak - before) / 1024;
}
