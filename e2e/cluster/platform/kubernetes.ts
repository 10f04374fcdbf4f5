import { join } from "node:path";
import { API_PORT, type Layout, NODE } from "../layout.ts";
import { kubeconfigOf } from "./certificates.ts";
import type { Daemon } from "./daemons.ts";

const ETCD = "http://127.0.0.1:2379";
export const CONTAINERD_SOCKET = "/run/containerd/containerd.sock";
const CLIENT_RATE = ["--kube-api-qps=200", "--kube-api-burst=400"];
/** One of each, so none waits for a lease; what is not asked for is not served to the other namespaces' addresses. */
const ALONE = ["--leader-elect=false", "--bind-address=127.0.0.1", "--profiling=false"];

/** Nothing of a test cluster has to survive a power failure. */
export function etcd(layout: Layout, program: string): Daemon {
  const peer = "http://127.0.0.1:2380";
  const args = [
    ...["--name=n1", `--data-dir=${join(layout.run, "etcd")}`, "--unsafe-no-fsync", "--log-level=warn"],
    ...[`--listen-client-urls=${ETCD}`, `--advertise-client-urls=${ETCD}`],
    ...[
      `--listen-peer-urls=${peer}`,
      `--initial-advertise-peer-urls=${peer}`,
      `--initial-cluster=n1=${peer}`,
    ],
  ];
  return { name: "etcd", program, args };
}

export function apiServer(layout: Layout, program: string): Daemon {
  const file = (name: string): string => join(layout.certificates, name);
  const { node, serviceCidr } = layout.addresses;
  const args = [
    ...[`--etcd-servers=${ETCD}`, `--service-cluster-ip-range=${serviceCidr}`, "--allow-privileged=true"],
    ...[`--advertise-address=${node}`, "--bind-address=0.0.0.0", `--secure-port=${API_PORT}`],
    ...[`--client-ca-file=${file("ca.crt")}`, `--cert-dir=${join(layout.run, "kube-apiserver")}`],
    ...[
      `--tls-cert-file=${file("kube-apiserver.crt")}`,
      `--tls-private-key-file=${file("kube-apiserver.key")}`,
    ],
    "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
    `--service-account-key-file=${file("tokens.pub")}`,
    `--service-account-signing-key-file=${file("tokens.key")}`,
    "--authorization-mode=Node,RBAC",
    `--kubelet-client-certificate=${file("kubelet-client.crt")}`,
    `--kubelet-client-key=${file("kubelet-client.key")}`,
    // Webhooks are reached by their endpoints: kube-proxy may still be starting.
    "--enable-aggregator-routing=true",
    "--profiling=false",
  ];
  return { name: "kube-apiserver", program, args };
}

export function controllerManager(layout: Layout, program: string): Daemon {
  const name = "kube-controller-manager";
  const args = [
    `--kubeconfig=${kubeconfigOf(layout, name)}`,
    `--service-account-private-key-file=${join(layout.certificates, "tokens.key")}`,
    `--root-ca-file=${join(layout.certificates, "ca.crt")}`,
    ...["--use-service-account-credentials", ...CLIENT_RATE, ...ALONE],
    // A pod that is ready gets its requests at once.
    "--endpointslice-updates-batch-period=0",
    "--endpoint-updates-batch-period=0",
    "--mirroring-endpointslice-updates-batch-period=0",
    `--cert-dir=${join(layout.run, name)}`,
    `--flex-volume-plugin-dir=${join(layout.run, "volume-plugins")}`,
  ];
  return { name, program, args };
}

export function scheduler(layout: Layout, program: string): Daemon {
  const name = "kube-scheduler";
  const certificates = `--cert-dir=${join(layout.run, name)}`;
  return {
    name,
    program,
    args: [`--kubeconfig=${kubeconfigOf(layout, name)}`, ...CLIENT_RATE, ...ALONE, certificates],
  };
}

export function kubelet(layout: Layout, program: string, config: string): Daemon {
  const args = [
    ...[`--config=${config}`, `--kubeconfig=${kubeconfigOf(layout, "kubelet")}`],
    ...[`--hostname-override=${NODE}`, `--node-ip=${layout.addresses.node}`],
    ...[
      `--root-dir=${join(layout.run, "kubelet")}`,
      `--cert-dir=${join(layout.run, "kubelet-certificates")}`,
    ],
  ];
  return { name: "kubelet", program, args };
}

export function kubeletConfig(layout: Layout): object {
  return {
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    failCgroupV1: false,
    failSwapOn: false,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${layout.cgroup}`,
    containerRuntimeEndpoint: `unix://${CONTAINERD_SOCKET}`,
    // A lower one than its own is refused to a process without CAP_SYS_RESOURCE.
    oomScoreAdj: 0,
    clusterDNS: [layout.addresses.dns],
    clusterDomain: "cluster.local",
    // Pods get the cluster's names alone, not this machine's resolvers.
    resolvConf: "",
    podLogsDir: join(layout.run, "pod-logs"),
    volumePluginDir: join(layout.run, "volume-plugins"),
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: true },
      x509: { clientCAFile: join(layout.certificates, "ca.crt") },
    },
    authorization: { mode: "Webhook" },
    serializeImagePulls: false,
    registryPullQPS: 0,
    eventRecordQPS: 0,
    kubeAPIQPS: 100,
    kubeAPIBurst: 200,
    // Images of one run are few, and pulling again would be measured as a cold start.
    imageGCHighThresholdPercent: 100,
    imageMinimumGCAge: "24h",
    evictionHard: {
      "memory.available": "100Mi",
      "nodefs.available": "1%",
      "imagefs.available": "1%",
      "nodefs.inodesFree": "1%",
    },
    maxPods: 500,
    healthzBindAddress: "127.0.0.1",
    syncFrequency: "10s",
    nodeStatusUpdateFrequency: "5s",
  };
}

export function proxy(program: string, config: string): Daemon {
  return { name: "kube-proxy", program, args: [`--config=${config}`] };
}

export function proxyConfig(layout: Layout): object {
  return {
    apiVersion: "kubeproxy.config.k8s.io/v1alpha1",
    kind: "KubeProxyConfiguration",
    mode: "nftables",
    hostnameOverride: NODE,
    clientConnection: { kubeconfig: kubeconfigOf(layout, "kube-proxy"), qps: 100, burst: 200 },
    clusterCIDR: layout.addresses.podCidr,
    oomScoreAdj: 0,
    healthzBindAddress: "127.0.0.1:10256",
    metricsBindAddress: "127.0.0.1:10249",
    // The table of connections belongs to the machine's kernel.
    conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: "0s", tcpCloseWaitTimeout: "0s" },
    nftables: { minSyncPeriod: "50ms", syncPeriod: "30s" },
  };
}
