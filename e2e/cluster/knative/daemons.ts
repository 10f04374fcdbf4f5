import { join } from "node:path";
import type { Addresses } from "../layout.ts";
import type { Daemon } from "../platform/daemons.ts";
import { API_PORT } from "../layout.ts";
import { SYSTEM } from "./manifests.ts";

/** What the programs' Deployments would say. */
interface Program {
  /** Service account whose rights it has. */
  readonly account: "controller" | "activator";
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

export const KNATIVE_PROGRAMS = {
  controller: { account: "controller" },
  webhook: {
    account: "controller",
    args: ["--disable-ha"],
    env: { WEBHOOK_NAME: "webhook", WEBHOOK_PORT: "8443" },
  },
  autoscaler: { account: "controller" },
  activator: { account: "activator", env: { GOGC: "500" } },
} as const satisfies Readonly<Record<string, Program>>;

export type KnativeProgram = keyof typeof KNATIVE_PROGRAMS;

/** On one address, each program needs ports of its own for figures and profiles. */
const FIRST_PROFILING_PORT = 8108;
const FIRST_METRICS_PORT = 9190;

export const daemonName = (program: KnativeProgram): string => `knative-${program}`;

export function knativeDaemon(
  addresses: Addresses,
  name: KnativeProgram,
  folder: string,
  kubeconfig: string,
): Daemon {
  const program: Program = KNATIVE_PROGRAMS[name];
  const at = Object.keys(KNATIVE_PROGRAMS).indexOf(name);
  const env = {
    SYSTEM_NAMESPACE: SYSTEM,
    CONFIG_LOGGING_NAME: "config-logging",
    CONFIG_OBSERVABILITY_NAME: "config-observability",
    CONFIG_LEADERELECTION_NAME: "config-leader-election",
    KUBERNETES_SERVICE_HOST: addresses.node,
    KUBERNETES_SERVICE_PORT: String(API_PORT),
    KUBE_API_QPS: "200",
    KUBE_API_BURST: "400",
    POD_NAME: `${name}-0`,
    POD_IP: name === "controller" ? addresses.knativeController : addresses.node,
    PROFILING_PORT: String(FIRST_PROFILING_PORT + at),
    METRICS_PROMETHEUS_PORT: String(FIRST_METRICS_PORT + at),
    ...program.env,
  };
  const args = [`--kubeconfig=${kubeconfig}`, ...(program.args ?? [])];
  return { name: daemonName(name), program: join(folder, name), args, env };
}
