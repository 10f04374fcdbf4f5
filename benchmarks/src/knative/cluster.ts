import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { type Cluster, openCluster } from "@hanzo-fn/e2e/cluster";
import { freePort } from "../pinned-process.ts";
import { runToEnd } from "../serve-process.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..", "..");
const NAME = "bench";

/** `npm run cluster`, timed as its user sees it, in ms. */
async function clusterCommand(word: string, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const script = join(REPOSITORY, "scripts", "cluster.ts");
  await runToEnd(process.execPath, [script, word, "--name", NAME], process.env, signal);
  return performance.now() - began;
}

export interface BenchCluster extends AsyncDisposable {
  readonly cluster: Cluster;
  readonly upMs: number;
  /** Folder with the logs of its pods, which the node makes as it starts them. */
  readonly podLogs: string;
  /** Ends it; in ms. */
  down(): Promise<number>;
}

/** A cluster that this run starts and ends. Throws where one of its name runs already: it would be somebody else's. */
export async function startCluster(signal: AbortSignal): Promise<BenchCluster> {
  if (await isRunning(signal)) {
    throw new Error(`the cluster ${NAME} runs already: npm run cluster -- down --name ${NAME}`);
  }
  let isUp = true;
  // Also after the run was broken off.
  const down = async (): Promise<number> => {
    isUp = false;
    return clusterCommand("down", AbortSignal.timeout(60_000));
  };
  try {
    const upMs = await clusterCommand("up", signal);
    const cluster = await openCluster({ name: NAME, signal });
    return {
      cluster,
      upMs,
      podLogs: join(cluster.kubeconfig, "..", "pod-logs"),
      down,
      async [Symbol.asyncDispose]() {
        if (isUp) await down();
      },
    };
  } catch (error) {
    await down();
    throw error;
  }
}

async function isRunning(signal: AbortSignal): Promise<boolean> {
  try {
    await clusterCommand("status", signal);
    return true;
  } catch {
    return false;
  }
}

/** config.yaml of a platform on that cluster. JSON is YAML. */
export async function platformConfig({ cluster }: BenchCluster): Promise<string> {
  return JSON.stringify({
    engine: "knative",
    images: {
      registry: `${cluster.registry.inside}/bench`,
      registry_url: cluster.registry.outside,
      layout: join(REPOSITORY, ".cache", "images"),
    },
    knative: {
      kubeconfig: cluster.kubeconfig,
      platform_addresses: [cluster.hostAddress],
      gateway_port: await freePort(),
      domain: "fn.example.test",
    },
  });
}
