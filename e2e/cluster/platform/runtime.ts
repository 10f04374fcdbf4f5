import { join } from "node:path";
import { type Layout, REGISTRY, REGISTRY_PORT } from "../layout.ts";
import { CONTAINERD_SOCKET } from "./kubernetes.ts";
import { CNI_FOLDER } from "./machine.ts";
import { BRIDGE } from "./network.ts";

/** Configuration files below the run's folder: path to content. */
export function runtimeFiles(layout: Layout, sandboxImage: string): Record<string, string> {
  return {
    "containerd.toml": containerd(layout, sandboxImage),
    [`registries/${REGISTRY}/hosts.toml`]: [
      `server = "http://${REGISTRY}"`,
      `[host."http://${REGISTRY}"]`,
      `  capabilities = ["pull", "resolve"]`,
      "",
    ].join("\n"),
    "cni/10-bridge.conflist": JSON.stringify(bridge(layout)),
    // JSON, which is YAML too.
    "registry.yml": JSON.stringify(registry(layout)),
  };
}

function containerd(layout: Layout, sandboxImage: string): string {
  const cri = `[plugins."io.containerd.grpc.v1.cri"`;
  return [
    "version = 2",
    `root = "${join(layout.run, "containerd")}"`,
    `state = "/run/containerd"`,
    // A lower score than this machine's default is refused to a process without CAP_SYS_RESOURCE.
    "oom_score = 0",
    "[grpc]",
    `  address = "${CONTAINERD_SOCKET}"`,
    `${cri}]`,
    `  sandbox_image = "${sandboxImage}"`,
    "  restrict_oom_score_adj = true",
    "  disable_apparmor = true",
    "  max_concurrent_downloads = 4",
    `${cri}.containerd]`,
    `  snapshotter = "overlayfs"`,
    `  default_runtime_name = "runc"`,
    `${cri}.containerd.runtimes.runc]`,
    `  runtime_type = "io.containerd.runc.v2"`,
    `${cri}.containerd.runtimes.runc.options]`,
    "  SystemdCgroup = false",
    `${cri}.cni]`,
    `  bin_dir = "${CNI_FOLDER}"`,
    `  conf_dir = "${join(layout.run, "cni")}"`,
    `${cri}.registry]`,
    `  config_path = "${join(layout.run, "registries")}"`,
    "",
  ].join("\n");
}

function bridge(layout: Layout): object {
  const { podCidr, firstPod, lastPod, node } = layout.addresses;
  const range = { subnet: podCidr, rangeStart: firstPod, rangeEnd: lastPod, gateway: node };
  const ipam = {
    type: "host-local",
    dataDir: "/var/lib/cni/networks",
    ranges: [[range]],
    routes: [{ dst: "0.0.0.0/0" }],
  };
  const plugin = { type: "bridge", bridge: BRIDGE, isGateway: true, ipMasq: false, hairpinMode: true, ipam };
  return { cniVersion: "0.4.0", name: "cluster", plugins: [plugin] };
}

function registry(layout: Layout): object {
  return {
    version: 0.1,
    log: { level: "warn" },
    storage: { filesystem: { rootdirectory: join(layout.run, "registry") }, delete: { enabled: true } },
    http: { addr: `${layout.addresses.node}:${REGISTRY_PORT}` },
  };
}
