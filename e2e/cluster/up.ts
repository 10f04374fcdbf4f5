import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { openLayout } from "@hanzo-fn/oci";
import { agentConfig, clientFiles } from "./agent/config.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import type { Artifacts } from "./artifacts.ts";
import { startKnative } from "./knative/start.ts";
import { type Layout, NODE, REGISTRY_PORT } from "./layout.ts";
import { apiUrl, makeCertificates } from "./platform/certificates.ts";
import { makeCgroup } from "./platform/cgroups.ts";
import { runCommand } from "./platform/command.ts";
import { type Daemon, type Daemons, createDaemons } from "./platform/daemons.ts";
import { sendImage } from "./platform/images.ts";
import * as kubernetes from "./platform/kubernetes.ts";
import { type Namespaces, openNamespaces } from "./platform/namespaces.ts";
import { clusterNetwork, hostNetwork } from "./platform/network.ts";
import { runtimeFiles } from "./platform/runtime.ts";

/** One start, as its parts see it. */
export interface Boot {
  readonly layout: Layout;
  readonly artifacts: Artifacts;
  readonly namespaces: Namespaces;
  readonly daemons: Daemons;
  readonly client: ApiClient;
  /** Notes that a step is done. */
  readonly step: (name: string) => void;
  readonly signal: AbortSignal;
}

/** Boots a cluster into an empty folder of a run; resolves with the daemons once Knative answers. */
export async function boot(
  layout: Layout,
  artifacts: Artifacts,
  step: (name: string) => void,
  signal: AbortSignal,
): Promise<readonly Daemon[]> {
  await mkdir(layout.logs, { recursive: true });
  const pause = artifacts.fixtures.program("pause");
  const [namespaces] = await Promise.all([
    openNamespaces(layout, pause, runCommand, signal),
    makeCertificates(layout, runCommand, signal),
    writeConfiguration(layout, artifacts),
    makeCgroup(layout.cgroup),
  ]);
  await setUpNetwork(layout, namespaces, signal);
  step("namespaces");
  const failed = new AbortController();
  const either = AbortSignal.any([signal, failed.signal]);
  const daemons = createDaemons(layout, namespaces, either);
  const client = await createApiClient(apiUrl(layout), clientFiles(layout, "admin"));
  const all: Boot = { layout, artifacts, namespaces, daemons, client, step, signal: either };
  try {
    const control = startControlPlane(all);
    const rest = control.then(() => Promise.all([startNode(all), startKnative(all)]));
    await Promise.all([startRegistry(all), rest]);
    step("ready");
    return daemons.started;
  } finally {
    // Whatever still waits has nothing to wait for.
    failed.abort();
    client.close();
  }
}

async function setUpNetwork(layout: Layout, namespaces: Namespaces, signal: AbortSignal): Promise<void> {
  const { program, args } = namespaces.inside("sh", ["-euc", clusterNetwork(layout)]);
  await runCommand(program, args, { signal });
  await runCommand("sh", ["-euc", hostNetwork(layout, namespaces.pid)], { signal });
}

const configFile = (layout: Layout, name: string): string => join(layout.run, name);

async function writeConfiguration(layout: Layout, { images }: Artifacts): Promise<void> {
  const json = {
    "kubelet.json": kubernetes.kubeletConfig(layout),
    "kube-proxy.json": kubernetes.proxyConfig(layout),
    "agent.json": agentConfig(layout),
  };
  const files = {
    ...runtimeFiles(layout, images.pause.reference),
    ...Object.fromEntries(Object.entries(json).map(([name, value]) => [name, JSON.stringify(value)])),
  };
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(configFile(layout, name)), { recursive: true });
    await writeFile(configFile(layout, name), content);
  }
}

async function startRegistry({ layout, artifacts, daemons, step, signal }: Boot): Promise<void> {
  const url = registryUrl(layout);
  const args = ["serve", configFile(layout, "registry.yml")];
  await daemons.start({ name: "registry", program: "docker-registry", args });
  await daemons.ready("registry", async () => (await fetch(`${url}/v2/`, { signal })).ok);
  const { folder, ...images } = artifacts.images;
  const store = await openLayout(folder);
  await Promise.all(Object.values(images).map((image) => sendImage(store, image, url, signal)));
  step("images in the registry");
}

export const registryUrl = (layout: Layout): string => `http://${layout.addresses.node}:${REGISTRY_PORT}`;

async function startControlPlane({ layout, artifacts, daemons, client, step }: Boot): Promise<void> {
  const program = artifacts.kubernetes.program;
  await daemons.start(kubernetes.etcd(layout, program("etcd")));
  await daemons.start(kubernetes.apiServer(layout, program("kube-apiserver")));
  await daemons.ready("kube-apiserver", async () => (await client.request("GET", "/readyz")) === "ok");
  step("API server");
}

interface Node {
  readonly status?: {
    readonly conditions?: ReadonlyArray<{ readonly type: string; readonly status: string }>;
  };
}

async function startNode({ layout, artifacts, daemons, client, step }: Boot): Promise<void> {
  const program = artifacts.kubernetes.program;
  const agent = fileURLToPath(new URL("agent/main.ts", import.meta.url));
  const containerd = ["-c", configFile(layout, "containerd.toml")];
  for (const daemon of [
    { name: "containerd", program: "containerd", args: containerd },
    kubernetes.controllerManager(layout, program("kube-controller-manager")),
    kubernetes.scheduler(layout, program("kube-scheduler")),
    kubernetes.kubelet(layout, program("kubelet"), configFile(layout, "kubelet.json")),
    kubernetes.proxy(program("kube-proxy"), configFile(layout, "kube-proxy.json")),
    { name: "agent", program: process.execPath, args: [agent, configFile(layout, "agent.json")] },
  ])
    await daemons.start(daemon);
  await daemons.ready("kubelet", async () => {
    const { status } = await client.request<Node>("GET", `/api/v1/nodes/${NODE}`);
    return status?.conditions?.some(({ type, status }) => type === "Ready" && status === "True") === true;
  });
  step("node");
}
