import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "@hanzo-fn/testkit";
import type { Layout } from "../layout.ts";
import { otherCgroups } from "./cgroups.ts";
import type { Command } from "./command.ts";
import { DAEMON_PATH } from "./machine.ts";
import { DAEMON_VARIABLE, INIT, RUN_VARIABLE, initOf, processesOf } from "./processes.ts";

/** Private network, mounts and processes. All of them end with their first process. */
export interface Namespaces {
  /** PID 1 of the cluster, as this machine counts. */
  readonly pid: number;
  /** What runs `program` inside, to be started outside. */
  inside(program: string, args: readonly string[]): { program: string; args: string[] };
}

const UNSHARE = ["--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private"];

/** Variables of everything inside: nothing of this process's own, where a proxy might be named. */
export function daemonEnvironment(run: string, daemon: string): Record<string, string> {
  return { PATH: DAEMON_PATH, HOME: "/", [RUN_VARIABLE]: run, [DAEMON_VARIABLE]: daemon };
}

export function entering(pid: number): Namespaces {
  return {
    pid,
    inside: (program, args) => ({
      program: "nsenter",
      args: ["-t", String(pid), "-n", "-m", "-p", "--", program, ...args],
    }),
  };
}

export async function openNamespaces(
  layout: Layout,
  pause: string,
  command: Command,
  signal: AbortSignal,
): Promise<Namespaces> {
  await writeEtc(layout);
  const child = spawn("unshare", [...UNSHARE, pause], {
    env: daemonEnvironment(layout.run, INIT),
    stdio: ["ignore", "ignore", "pipe"],
    detached: true,
  });
  const why = await startedOrWhy(layout.run, child);
  if (why !== undefined)
    throw new Error(`this machine gives no namespaces (${why}): run as root with CAP_SYS_ADMIN`);
  child.unref();
  child.stderr?.destroy();
  const init = initOf(await processesOf(layout.run));
  if (init === undefined) throw new Error("the first process of the cluster ended at once");
  const namespaces = entering(init.pid);
  const script = mountScript(layout, await otherCgroups(layout.cgroup));
  const { program, args } = namespaces.inside("sh", ["-euc", script]);
  await command(program, args, { signal });
  return namespaces;
}

async function startedOrWhy(run: string, child: ChildProcess): Promise<string | undefined> {
  let output = "";
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString("utf8")));
  const failed = once(child, "exit").then(
    ([code]) => output.trim() || `unshare ended with ${code}`,
    (error: Error) => error.message,
  );
  const started = waitFor("PID 1 of the cluster", async () => initOf(await processesOf(run)) !== undefined);
  return Promise.race([failed, started.then(() => undefined)]);
}

async function writeEtc(layout: Layout): Promise<void> {
  const folder = join(layout.run, "etc");
  await mkdir(folder, { recursive: true });
  const { node, host, dns } = layout.addresses;
  const hosts = ["127.0.0.1 localhost", `${node} registry.local node1`, `${host} host.local`];
  await writeFile(join(folder, "hosts"), `${hosts.join("\n")}\n`);
  const search = "search svc.cluster.local cluster.local";
  await writeFile(join(folder, "resolv.conf"), `nameserver ${dns}\n${search}\noptions ndots:5\n`);
}

/**
 * The folders that daemons insist on become the cluster's own, so that this machine's stay as they are. /etc is a copy
 * on write, because its resolv.conf may be a link into /run.
 */
export function mountScript(layout: Layout, hidden: readonly string[]): string {
  const etc = `${layout.run}/etc-overlay`;
  return [
    `mkdir -p '${etc}/upper' '${etc}/work'`,
    `cp '${layout.run}/etc/hosts' '${layout.run}/etc/resolv.conf' '${etc}/upper/'`,
    `mount -t overlay overlay -o 'lowerdir=/etc,upperdir=${etc}/upper,workdir=${etc}/work' /etc`,
    ...["/run", "/var/lib", "/var/log"].map((folder) => `mount -t tmpfs tmpfs ${folder}`),
    // One that is removed meanwhile needs no hiding.
    ...hidden.map((folder) => `mount -t tmpfs tmpfs '${folder}' || [ ! -d '${folder}' ]`),
    "mkdir -p /run/containerd /run/netns /var/lib/cni /var/lib/kubelet",
  ].join("\n");
}
