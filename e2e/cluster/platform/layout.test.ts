import { expect, test } from "vitest";
import { addressesOf, layoutOf, runFolder, SLOTS } from "../layout.ts";
import {
  apiServer,
  controllerManager,
  etcd,
  kubelet,
  kubeletConfig,
  proxyConfig,
  scheduler,
} from "./kubernetes.ts";
import { mountScript } from "./namespaces.ts";
import { clusterNetwork, hostNetwork } from "./network.ts";
import { runtimeFiles } from "./runtime.ts";

const layout = layoutOf("/cache", "main", 0);

/** First and last address of a range. */
function range(cidr: string): [number, number] {
  const [address = "", prefix = "32"] = cidr.split("/");
  const first = address.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
  return [first, first + 2 ** (32 - Number(prefix)) - 1];
}

test("no two clusters share an address, and all of them lie in 198.18.0.0/15", () => {
  const [first, last] = range("198.18.0.0/15");
  const ranges = Array.from({ length: SLOTS }, (_, slot) => addressesOf(slot))
    .flatMap(({ podCidr, serviceCidr, host }) => [
      podCidr,
      serviceCidr,
      `${host.replace(/\d+$/, (n) => String(Number(n) - 1))}/30`,
    ])
    .map(range)
    .toSorted(([a], [b]) => a - b);
  for (const [at, [from, to]] of ranges.entries()) {
    expect(from).toBeGreaterThanOrEqual(first);
    expect(to).toBeLessThanOrEqual(last);
    expect(from).toBeGreaterThan(ranges[at - 1]?.[1] ?? 0);
  }
});

test("the node's own addresses are outside of those that pods get", () => {
  const { node, dns, knativeController, firstPod, lastPod, podCidr } = addressesOf(3);
  const of = (address: string): number => range(address)[0];
  for (const address of [node, dns, knativeController]) expect(of(address)).toBeLessThan(of(firstPod));
  expect(of(lastPod)).toBeLessThan(range(podCidr)[1]);
});

test("a name that is no plain folder name is refused", () => {
  for (const name of ["", "..", "a/b", "A", "x".repeat(32)])
    expect(() => runFolder("/cache", name)).toThrow("name");
});

test("daemons write into the run's folder, and where they cannot be told into folders that are the cluster's own", () => {
  const daemons = [etcd, apiServer, controllerManager, scheduler].map((daemon) => daemon(layout, "/bin/x"));
  const told = JSON.stringify([
    ...[...daemons, kubelet(layout, "/bin/x", "/cache/run/main/kubelet.json")].map(({ args }) => args),
    kubeletConfig(layout),
    proxyConfig(layout),
    runtimeFiles(layout, "registry.local:5000/pause@sha256:0"),
  ]);
  const paths = [...told.matchAll(/(?<=["=\s])\/[\w.-][\w./-]*/g)].map(([path]) => path);
  expect(paths.length).toBeGreaterThan(30);
  const own = ["/cache/run/main/", "/run/", "/var/lib/cni/", "/usr/lib/cni", `/${layout.cgroup}`];
  expect(paths.filter((path) => !own.some((folder) => path.startsWith(folder)))).toEqual([]);
  const script = mountScript(layout, ["/sys/fs/cgroup/memory/others"]);
  for (const folder of ["/etc", "/run", "/var/lib", "/var/log", "/sys/fs/cgroup/memory/others"])
    expect(script).toMatch(new RegExp(`^mount -t \\w+ .*'?${folder}'?( \\|\\|.*)?$`, "m"));
});

test("both ends of the link are made, and pods and services routed over it", () => {
  const commands = hostNetwork(layout, 42);
  expect(commands).toContain("ip link add fncluster0 type veth peer name host0 netns 42");
  expect(commands).toContain("ip route add 198.18.0.0/22 via 198.18.255.2 dev fncluster0");
  expect(commands).toContain("ip route add 198.19.0.0/20 via 198.18.255.2 dev fncluster0");
  expect(clusterNetwork(layout)).toContain("ip route add 198.19.0.0/20 dev cni0 src 198.18.0.1");
});
