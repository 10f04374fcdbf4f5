/**
 * A process with the Knative engine and a record of functions, as a control plane is after its start. Its argument is a
 * JSON `DeployerSettings`; it writes one line, a JSON `Reconciled`, once the cluster is as wished, and ends.
 */
import { readFileSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { loadConfig, Secret } from "@hanzo-fn/contract";
import {
  createKnativeDeployer,
  createKnativeIngress,
  createKnativeInstances,
  createPlatformServices,
  knativeSettings,
} from "@hanzo-fn/engine/knative";
import { createKubernetes, kubeconfigAccess, type Kubernetes } from "@hanzo-fn/kubernetes";
import { createGroup, systemClock } from "@hanzo-fn/lifecycle";
import type { DeployerSettings, Reconciled } from "./reconcile.ts";
import { functionWish, secretOf } from "./wishes.ts";

const ORG = "kept";
/** Nothing was written for this long: nothing more is to be done. */
const QUIET_MS = 2000;
const POLL_MS = 50;

const given = JSON.parse(process.argv[2] ?? "{}") as DeployerSettings;
const signal = new AbortController().signal;
const clock = systemClock;
const log = { debug: () => {}, info: () => {}, warn: (msg: string) => console.error(msg) };

const writes = { count: 0, running: 0, lastMs: 0 };
function counted<T extends unknown[], R>(call: (...args: T) => Promise<R>): (...args: T) => Promise<R> {
  return async (...args) => {
    writes.count++;
    writes.running++;
    try {
      return await call(...args);
    } finally {
      writes.running--;
      writes.lastMs = performance.now();
    }
  };
}

function counting(kubernetes: Kubernetes): Kubernetes {
  const { create, replace, apply, patch, patchStatus, delete: remove } = kubernetes;
  return {
    ...kubernetes,
    create: counted(create) as typeof create,
    replace: counted(replace) as typeof replace,
    apply: counted(apply) as typeof apply,
    patch: counted(patch) as typeof patch,
    patchStatus: counted(patchStatus) as typeof patchStatus,
    delete: counted(remove),
  };
}

function memoryMb(field: string): number {
  const status = readFileSync("/proc/self/status", "utf8");
  return (Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024) / 1e6;
}

const config = await kubeconfigAccess(clock, { files: [given.kubeconfig], environment: {} });
const kubernetes = counting(createKubernetes({ config, clock, log }));
const knative = {
  namespace: given.namespace,
  platform_addresses: [given.hostAddress],
  zero_initial_scale: true,
  domain: "fn.example.test",
};
const settings = knativeSettings(
  loadConfig({ text: JSON.stringify({ auth: { org: ORG }, knative }), env: {} }).config,
);
const wishes = Array.from({ length: given.functions }, (_, i) => functionWish(ORG, i));

/** Every function was looked at: a first look asks for the token of each revision. */
const looked = new Set<string>();
let lastLookMs = 0;
const deployer = createKnativeDeployer(
  {
    kubernetes,
    publish: () => Promise.resolve({ image: given.image, phasesMs: {}, warnings: [] }),
    resolveSecrets: (_, names) => Promise.resolve(new Map(names.map((name) => [name, secretOf(name)]))),
    gatewayTokens: {
      issue({ ref: { key } }) {
        looked.add(key);
        lastLookMs = performance.now();
        return new Secret(`token of ${key}`);
      },
      revoke: () => {},
    },
    clock,
    log,
  },
  settings,
);
const instances = createKnativeInstances(
  { kubernetes, clock, log },
  { ...settings, queueDepth: 100, queueTimeoutMs: 60_000 },
);
const calls = given.calls
  ? [
      createPlatformServices({ kubernetes, clock, log }, settings),
      instances,
      createKnativeIngress({ kubernetes, revisions: instances, clock, log }, settings),
    ]
  : [];
const group = createGroup([...calls, deployer]);

for (const wish of wishes) await deployer.apply(wish, signal);
await group.start(signal);
/** A proven revision is ready by the record; what keeps the cluster from being as wished is a warning. */
function isWell(): boolean {
  return wishes.every(({ revisions: [one] }) => {
    const status = one && deployer.status(one.ref);
    return status?.state === "ready" && status.failure === undefined && status.warnings.length === 0;
  });
}
for (;;) {
  const steadyMs = Math.max(lastLookMs, writes.lastMs);
  const isQuiet = writes.running === 0 && performance.now() - steadyMs > QUIET_MS;
  if (isQuiet && looked.size === wishes.length && isWell()) {
    const memory = { residentMb: memoryMb("VmRSS"), peakMb: memoryMb("VmHWM") };
    const found: Reconciled = { steadyMs, writes: writes.count, ...memory };
    console.log(JSON.stringify(found));
    break;
  }
  await sleep(POLL_MS);
}
await group.stop(1000);
kubernetes.close();
