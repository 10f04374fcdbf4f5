import { interpreterVersions } from "./interpreter.ts";
import { platformConfig, startCluster, type BenchCluster } from "./knative/cluster.ts";
import { coldStartRows } from "./knative/cold-starts.ts";
import { deployRows } from "./knative/deploys.ts";
import { onApiServer, onCluster } from "./knative/reconcile.ts";
import { CLUSTER, judge } from "./knative/targets.ts";
import { machine } from "./machine.ts";
import { makeServeHome, startServe } from "./serve-process.ts";
import { round, type Row, type Suite, type SuiteOptions, type SuiteResult } from "./suite.ts";

interface Scale {
  /** Of each language. */
  readonly functions: number;
  /** Code-only deploys of each function. */
  readonly changes: number;
  /** Cold starts of each function. */
  readonly rounds: number;
  readonly onCluster: number;
  readonly onApiServer: number;
}

const FULL: Scale = { functions: 5, changes: 2, rounds: 6, onCluster: 200, onApiServer: 1000 };
const SMOKE: Scale = { functions: 1, changes: 1, rounds: 1, onCluster: 5, onApiServer: 20 };

/** A platform deploys and calls; it ends before others make functions in its cluster. */
async function throughServe(cluster: BenchCluster, scale: Scale, signal: AbortSignal): Promise<Row[]> {
  await using home = await makeServeHome();
  await using platform = await startServe(home, await platformConfig(cluster), signal);
  const deploys = await deployRows(platform, home.path, scale, signal);
  const cold = { ...scale, revision: scale.changes + 1 };
  return [...deploys, ...(await coldStartRows(platform, cluster, cold, signal))];
}

async function run(signal: AbortSignal, options: SuiteOptions = {}): Promise<SuiteResult> {
  const scale = options.smoke === true ? SMOKE : FULL;
  const before = { ...machine(), ...interpreterVersions() };
  await using cluster = await startCluster(signal);
  const served = await throughServe(cluster, scale, signal);
  const real = await onCluster(cluster.cluster, scale.onCluster, signal);
  const downMs = await cluster.down();
  const api = await onApiServer(scale.onApiServer, signal);
  const times = { up_s: round(cluster.upMs / 1000), down_s: round(downMs / 1000) };
  const rows = [{ part: CLUSTER, ...times }, ...served, real, api];
  const conditions = {
    ...before,
    setup:
      "a cluster of its own (docs/cluster.md) and `hanzo-fn serve` with engine knative and embedded PostgreSQL, all on this machine's cores; Knative's shortest windows",
    up: "`npm run cluster -- up`, from the start of the command to its end; builds are there. `down`: with all functions of this run in it",
    deploy:
      "start of `hanzo-fn deploy` to the end of the first 200 with the new constant; phases as the API's phases_ms; one at a time, 1 s apart. Knative's own objective for a deploy is 25 s",
    from_zero:
      "from before the connection to the end of the answer, over a new connection, of what the autoscaler had scaled to zero; one at a time, all in turn. The static Go container is called through the activator, as our proxy does. Of 30 samples p99 is the largest",
    phases:
      "activator: call to pod; schedule: to its node; sandbox: to the first container's folder; container: to the start of the code's container; runtime: to the first line of the user's code; answer: load, readiness, the pod's address, the activator's probe and the call. The first two as a watch tells them, the next by files of the node; medians, which do not add up",
    reconcile:
      "from the start of a new process with a record of all functions to the last look and write, none with a warning. On the cluster: deployer, instances and ingress. Revisions were made as proven ones with zero_initial_scale: none had a pod. On the API server: the deployer alone; Revisions were made ready by the benchmark. Without the record's own loading",
  };
  return { suite: "knative", conditions, rows, targets: judge(rows) };
}

export const knativeSuite: Suite = {
  name: "knative",
  description:
    "engine knative on a cluster of its own: deploys, scale from zero, reconciling after a restart",
  run,
};
