import { performance } from "node:perf_hooks";
import { join } from "node:path";
import { type Cluster, helloImage } from "@hanzo-fn/e2e/cluster";
import { runToEnd } from "../serve-process.ts";
import { round, type Row } from "../suite.ts";
import { startKnativeApi } from "./knative-api.ts";

/** What `deployer-under-test.ts` is told. */
export interface DeployerSettings {
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly functions: number;
  readonly image: string;
  /** This machine as pods reach it. */
  readonly hostAddress: string;
  /** With the engine's half of calls: instances, ingress, the platform's Services. */
  readonly calls: boolean;
}

/** What it found; times from the start of the process. */
export interface Reconciled {
  /** Every function was looked at, the last write was done, and none has a warning. */
  readonly steadyMs: number;
  readonly writes: number;
  readonly residentMb: number;
  /** The most that it ever had. */
  readonly peakMb: number;
}

/** It shares no namespace with another platform of the cluster. */
const NAMESPACE = "bench-kept";

export const RECONCILE = "reconcile after a restart of the control plane";
export const REAL = "the cluster with Knative";
export const API_ONLY = "API server and CRDs, no controllers";

async function reconcile(settings: DeployerSettings, signal: AbortSignal): Promise<Reconciled> {
  const program = join(import.meta.dirname, "deployer-under-test.ts");
  const flags = ["--max-semi-space-size=4", program, JSON.stringify(settings)];
  const output = await runToEnd(process.execPath, flags, process.env, signal);
  return JSON.parse(output) as Reconciled;
}

/** One process makes the functions and ends; the next one, which is measured, finds them there. */
async function restartRow(
  against: string,
  settings: DeployerSettings,
  untilMade: () => Promise<unknown>,
  signal: AbortSignal,
): Promise<Row> {
  const began = performance.now();
  await reconcile(settings, signal);
  await untilMade();
  const madeMs = performance.now() - began;
  const found = await reconcile(settings, signal);
  return {
    part: RECONCILE,
    against,
    functions: settings.functions,
    steady_s: round(found.steadyMs / 1000),
    writes: found.writes,
    resident_mb: round(found.residentMb),
    peak_mb: round(found.peakMb),
    made_before_in_s: round(madeMs / 1000),
  };
}

export async function onCluster(cluster: Cluster, functions: number, signal: AbortSignal): Promise<Row> {
  const { kubeconfig, hostAddress } = cluster;
  const image = await helloImage(cluster);
  const settings = { kubeconfig, namespace: NAMESPACE, functions, image, hostAddress, calls: true };
  const ready = ["wait", "--for=condition=Ready", "revisions", "--all", "-n", NAMESPACE, "--timeout=300s"];
  return await restartRow(REAL, settings, () => cluster.kubectl(ready), signal);
}

export async function onApiServer(functions: number, signal: AbortSignal): Promise<Row> {
  await using api = await startKnativeApi(signal);
  const image = `registry.example:5000/f@sha256:${"a".repeat(64)}`;
  const { kubeconfig } = api;
  const hostAddress = "192.0.2.7";
  const settings = { kubeconfig, namespace: NAMESPACE, functions, image, hostAddress, calls: false };
  return await restartRow(API_ONLY, settings, api.allMade, signal);
}
