import { rename, rm } from "node:fs/promises";
import { waitFor } from "@hanzo-fn/testkit";
import { layoutOf, runFolder } from "./layout.ts";
import { removeCgroup } from "./platform/cgroups.ts";
import { exists } from "./platform/build.ts";
import { runCommand } from "./platform/command.ts";
import { initOf, processesOf } from "./platform/processes.ts";
import { slotOf } from "./run-state.ts";

const GONE_WITHIN_MS = 10_000;

/**
 * Ends a run and removes all that it had, whatever state it is in. With PID 1 of its namespaces the kernel ends every
 * daemon and container, and the mounts and links go with the last of them.
 */
export async function removeRun(cache: string, name: string): Promise<void> {
  const run = runFolder(cache, name);
  await endProcesses(run);
  const slot = await slotOf(run);
  if (slot !== undefined) {
    const { cgroup, hostLink } = layoutOf(cache, name, slot);
    await Promise.all([removeCgroup(cgroup), removeLink(hostLink)]);
  }
  // Under another name first: a run whose removal is broken off is none.
  const old = `${run}.removed`;
  await rm(old, { recursive: true, force: true });
  if (!(await exists(run))) return;
  await rename(run, old);
  await rm(old, { recursive: true, force: true });
}

async function endProcesses(run: string): Promise<void> {
  const init = initOf(await processesOf(run));
  if (init !== undefined) kill(init.pid);
  await waitFor(
    "the cluster's processes to end",
    async () => {
      const left = await processesOf(run);
      for (const { pid } of left) kill(pid);
      return left.length === 0;
    },
    { timeoutMs: GONE_WITHIN_MS },
  );
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself.
  }
}

/** The kernel removes it some time after the namespace; a next run may want it before. */
async function removeLink(name: string): Promise<void> {
  if (!(await exists(`/sys/class/net/${name}`))) return;
  await runCommand("ip", ["link", "delete", name]).catch(async (error: unknown) => {
    if (await exists(`/sys/class/net/${name}`)) throw error;
  });
}
