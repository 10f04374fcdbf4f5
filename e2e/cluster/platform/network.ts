import type { Layout } from "../layout.ts";

export const BRIDGE = "cni0";
const INNER_LINK = "host0";

/** Commands inside, before there is any daemon. */
export function clusterNetwork(layout: Layout): string {
  const { node, dns, podCidr, serviceCidr } = layout.addresses;
  const prefix = podCidr.split("/")[1];
  return [
    "ip link set lo up",
    `ip link add ${BRIDGE} type bridge`,
    `ip addr add ${node}/${prefix} dev ${BRIDGE}`,
    `ip addr add ${dns}/32 dev ${BRIDGE}`,
    `ip link set ${BRIDGE} up`,
    // Routing comes before kube-proxy's translation: without a route there is nothing to translate.
    `ip route add ${serviceCidr} dev ${BRIDGE} src ${node}`,
    "echo 1 > /proc/sys/net/ipv4/ip_forward",
    // Packets between two pods of the bridge pass kube-proxy's rules and those of network policies only so.
    "echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables",
  ].join("\n");
}

/** Commands on this machine: the link and the routes to pods and services. They go with the cluster's namespace. */
export function hostNetwork(layout: Layout, pid: number): string {
  const { host, gateway, linkPrefix, podCidr, serviceCidr } = layout.addresses;
  const inside = `nsenter -t ${pid} -n`;
  return [
    `ip link add ${layout.hostLink} type veth peer name ${INNER_LINK} netns ${pid}`,
    `${inside} ip addr add ${gateway}/${linkPrefix} dev ${INNER_LINK}`,
    `${inside} ip link set ${INNER_LINK} up`,
    `ip addr add ${host}/${linkPrefix} dev ${layout.hostLink}`,
    `ip link set ${layout.hostLink} up`,
    ...[podCidr, serviceCidr].map((range) => `ip route add ${range} via ${gateway} dev ${layout.hostLink}`),
  ].join("\n");
}

/** Commands inside: a network namespace of its own for the process `pid` (as counted inside), on the bridge. */
export function ownNetwork(layout: Layout, pid: number, address: string): string {
  const { node, podCidr } = layout.addresses;
  const name = `v${address.split(".").at(-1)}`;
  const inside = `nsenter -t ${pid} -n`;
  return [
    `ip link add ${name} type veth peer name eth0 netns ${pid}`,
    `ip link set ${name} master ${BRIDGE} up`,
    `${inside} ip link set lo up`,
    `${inside} ip addr add ${address}/${podCidr.split("/")[1]} dev eth0`,
    `${inside} ip link set eth0 up`,
    `${inside} ip route add default via ${node}`,
  ].join("\n");
}
