import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { clusterStatus, down, endedDaemons, up } from "./cluster.ts";
import { runFolder } from "./layout.ts";
import { exists } from "./platform/build.ts";
import { existingCluster } from "./platform/existing.ts";
import { initOf, processesOf } from "./platform/processes.ts";
import { openCache, slotOf } from "./run-state.ts";
import { CACHE, openCluster } from "./open.ts";
import { BOOT_MS, testCluster } from "./test-support.ts";

/** Beside the cluster of the other tests: two run at once. */
const name = "lifecycle";
const cache = await openCache(CACHE);
const run = runFolder(cache, name);
const SCRIPT = fileURLToPath(new URL("../../scripts/cluster.ts", import.meta.url));
/** Where daemons of Kubernetes write unless they are kept from it. */
const OUTSIDE = [
  ...["/var/lib/kubelet", "/var/lib/cni", "/var/lib/containerd", "/var/log/pods", "/var/log/containers"],
  ...[
    "/run/containerd",
    "/run/netns",
    "/run/xtables.lock",
    "/etc/cni",
    "/usr/libexec/kubernetes",
    "/opt/cni",
  ],
];

const start = (log: (line: string) => void = () => {}) =>
  up({ cache, name, log }, new AbortController().signal);

/** Everything of a run that somebody could still find on this machine. */
async function traces(slot: number): Promise<string[]> {
  const processes = (await processesOf(run)).map(({ pid, program }) => `process ${pid} ${program}`);
  const mounts = (await readFile("/proc/mounts", "utf8")).split("\n").filter((line) => line.includes(run));
  const groups = await readdir("/sys/fs/cgroup", { withFileTypes: true });
  const paths = [
    run,
    `${run}.lock`,
    `${run}.removed`,
    `/sys/class/net/fncluster${slot}`,
    ...groups.map((entry) => join(entry.parentPath, entry.name, `hanzo-fn-cluster-${slot}`)),
    `/sys/fs/cgroup/hanzo-fn-cluster-${slot}`,
  ];
  const found = await Promise.all(paths.map(async (path) => ((await exists(path)) ? path : "")));
  return [...processes, ...mounts, ...found.filter(Boolean)];
}

const presentOutside = async (): Promise<boolean[]> => Promise.all(OUTSIDE.map(exists));
const foreign = existingCluster(process.env, cache) !== undefined;
let before: boolean[];

beforeAll(async () => {
  if (foreign) return;
  before = await presentOutside();
  // Builds what is not built, so that the tests below measure no compiler.
  await testCluster();
  await down({ cache, name });
}, BOOT_MS);

beforeEach((ctx) => {
  if (foreign) ctx.skip("KUBECONFIG names a cluster that others start and end");
});

afterEach(async () => {
  if (!foreign) await down({ cache, name });
});

test("a second `up` builds nothing, starts nothing and gives the same cluster; `down` leaves nothing of it", async () => {
  const first = await start();
  const lines: string[] = [];
  const second = await start((line) => lines.push(line));
  expect(lines).toEqual([]);
  expect(second.daemons.map(({ pid }) => pid)).toEqual(first.daemons.map(({ pid }) => pid));
  expect(await traces(first.state.slot)).not.toEqual([]);
  expect(await down({ cache, name })).toBe(true);
  expect(await traces(first.state.slot)).toEqual([]);
  expect(await presentOutside()).toEqual(before);
  expect(await down({ cache, name })).toBe(false);
});

test("after a kill of the API server `status` names it, `up` starts anew, and `down` leaves nothing", async () => {
  const { daemons, state } = await start();
  const apiServer = daemons.find((daemon) => daemon.name === "kube-apiserver");
  process.kill(apiServer?.pid ?? 0, "SIGKILL");
  await expect.poll(() => endedDaemons(cache, name)).toContain("kube-apiserver");
  const lines: string[] = [];
  const again = await start((line) => lines.push(line));
  expect(lines[0]).toContain("kube-apiserver");
  expect(again.daemons.every(({ pid }) => pid !== undefined)).toBe(true);
  process.kill(again.daemons.find((daemon) => daemon.name === "kube-apiserver")?.pid ?? 0, "SIGKILL");
  await down({ cache, name });
  expect(await traces(state.slot)).toEqual([]);
});

test("a daemon can be stopped and started again, and the others bear the end of the API server", async () => {
  const cluster = await openCluster({ name });
  await cluster.daemons?.stop("kube-apiserver");
  await expect(cluster.kubectl(["get", "--raw", "/readyz"])).rejects.toThrow();
  await expect(cluster.daemons?.stop("kube-apiserver")).rejects.toThrow("does not run");
  await cluster.daemons?.start("kube-apiserver");
  const ready = (): Promise<string> => cluster.kubectl(["get", "--raw", "/readyz"]).catch(() => "");
  await expect.poll(ready, { timeout: 30_000 }).toBe("ok");
  expect(await endedDaemons(cache, name)).toEqual([]);
  await expect(cluster.daemons?.start("kube-apiserver")).rejects.toThrow("runs");
});

test("a kill of the first process ends the whole cluster, and `down` removes what the kernel does not", async () => {
  const { state } = await start();
  process.kill(initOf(await processesOf(run))?.pid ?? 0, "SIGKILL");
  await expect.poll(async () => (await processesOf(run)).length).toBe(0);
  const status = await clusterStatus(cache, name);
  expect(status?.daemons.every(({ pid }) => pid === undefined)).toBe(true);
  await down({ cache, name });
  expect(await traces(state.slot)).toEqual([]);
});

test("`up` killed midway leaves what `down` removes", async () => {
  const child = spawn(process.execPath, [SCRIPT, "up", "--name", name], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface({ input: child.stdout })) if (line.includes("API server")) break;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  const slot = (await slotOf(run)) ?? -1;
  expect((await processesOf(run)).length).toBeGreaterThan(0);
  expect(await clusterStatus(cache, name)).toBeUndefined();
  expect(await down({ cache, name })).toBe(true);
  expect(await traces(slot)).toEqual([]);
});
