import { buildModule } from "./platform/build.ts";
import { runCommand } from "./platform/command.ts";
import { existingCluster } from "./platform/existing.ts";
import { findGo } from "./platform/machine.ts";
import { fixturesModule } from "./platform/modules.ts";
import { openCache } from "./run-state.ts";
import { CACHE, type Cluster, openCluster } from "./open.ts";

/** Long enough for a machine that has built nothing yet. */
export const BOOT_MS = 3_600_000;

/** The cluster of the tests: an existing one where the environment names one. It stays, for the next run. */
export const testCluster = async (): Promise<Cluster> =>
  openCluster({
    name: process.env["CLUSTER_NAME"],
    existing: existingCluster(process.env, await openCache(CACHE)),
  });

/** The fixture `hello`, a static program. */
export async function helloProgram(): Promise<string> {
  const { signal } = new AbortController();
  const options = { cache: CACHE, go: await findGo(), command: runCommand, log: () => {}, signal };
  const built = await buildModule(fixturesModule, options);
  return built.program("hello");
}

/** The fixture `hello` in the cluster's registry. */
export async function helloImage(cluster: Cluster): Promise<string> {
  return cluster.pushProgram("hello", await helloProgram());
}

/** A container that obeys the strictest rules of pods. */
const container = (image: string): object => ({
  image,
  env: [{ name: "TARGET", value: "world" }],
  resources: { requests: { cpu: "10m", memory: "16Mi" } },
  securityContext: {
    runAsNonRoot: true,
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
    seccompProfile: { type: "RuntimeDefault" },
  },
});

export const service = (name: string, revision: string, image: string): object => ({
  apiVersion: "serving.knative.dev/v1",
  kind: "Service",
  metadata: { name, namespace: "default" },
  spec: { template: { metadata: { name: revision }, spec: { containers: [container(image)] } } },
});

export const pod = (name: string, namespace: string, image: string): object => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace, labels: { app: name } },
  spec: {
    terminationGracePeriodSeconds: 0,
    automountServiceAccountToken: false,
    containers: [{ name: "main", ports: [{ name: "web", containerPort: 8080 }], ...container(image) }],
  },
});
