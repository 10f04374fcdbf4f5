import { homedir } from "node:os";
import { resolve } from "node:path";
import type { Config } from "@hanzo-fn/contract";
import { checkCluster, collectFacts, type Finding, knativeSettings } from "@hanzo-fn/engine/knative";
import { askRegistry } from "@hanzo-fn/images";
import { createKubernetes } from "@hanzo-fn/kubernetes";
import { systemClock } from "@hanzo-fn/lifecycle";
import { type Command, EXIT, type Invocation } from "../command.ts";
import { isUsable } from "../config-problems.ts";
import { clusterAccess } from "../serve/cluster-access.ts";
import { readConfig } from "../serve/config.ts";

/** For each question to the cluster, and for the registry. */
const LIMIT_MS = 10_000;

interface Report {
  /** The kubeconfig's context. */
  readonly cluster: string;
  readonly kubernetes: string;
  readonly knative: string | null;
  /** Nothing that was found keeps functions from running. */
  readonly ok: boolean;
  readonly findings: readonly Finding[];
}

async function report({ env, output, signal }: Invocation, config: Config): Promise<Report> {
  const settings = knativeSettings(config);
  const access = await clusterAccess(config, env, systemClock);
  const log = { debug: () => {}, warn: () => {} };
  output.status(`Asking ${access.origin} …`);
  const kubernetes = createKubernetes(
    { config: access, clock: systemClock, log },
    { silenceMs: LIMIT_MS, attempts: 2 },
  );
  const parts = { env, home: homedir(), clock: systemClock, log, limitMs: LIMIT_MS };
  const ask =
    settings.registry === undefined ? undefined : (until: AbortSignal) => askRegistry(config, parts, until);
  try {
    const facts = await collectFacts(
      { kubernetes, clock: systemClock, askRegistry: ask },
      settings,
      { limitMs: LIMIT_MS },
      signal,
    );
    const findings = checkCluster(facts, settings);
    return {
      cluster: access.origin,
      kubernetes: facts.kubernetesVersion,
      knative: facts.knativeVersion ?? null,
      ok: findings.every(({ severity }) => severity !== "error"),
      findings,
    };
  } finally {
    output.status("");
    kubernetes.close();
  }
}

function count(findings: readonly Finding[], severity: Finding["severity"]): string {
  const found = findings.filter((one) => one.severity === severity).length;
  return `${found} ${severity}${found === 1 ? "" : "s"}`;
}

function print({ output }: Invocation, { cluster: name, kubernetes, knative, ok, findings }: Report): void {
  for (const { severity, id, message, command } of findings) {
    output.line(`${severity}: ${message} (${id})`);
    if (command !== undefined) output.line(`  mend: ${command}`);
  }
  output.line(`${name}: Kubernetes ${kubernetes}, Knative ${knative ?? "unknown"}`);
  const found = (["error", "warning", "hint"] as const)
    .map((severity) => count(findings, severity))
    .join(", ");
  output.line(ok ? `functions can run here: ${found}` : `functions cannot run here yet: ${found}`);
}

export const cluster: Command = {
  name: "cluster",
  summary: "Say what a Kubernetes cluster lacks for functions, and how to mend it",
  description:
    "Looks at the versions of Kubernetes and Knative, at Knative's config maps, runtime classes, GPUs, KEDA, the\n" +
    "registry, the rights of the platform's account and knative.platform_addresses, as the configuration needs them.\n" +
    "Every finding has the command that mends it. Changes nothing. Fails where an error was found; warnings and\n" +
    "hints are no failure.",
  args: [{ name: "action", required: true, summary: "check", choices: ["check"] }],
  flags: [
    {
      name: "config",
      type: "string",
      value: "FILE",
      summary: "config.yaml of the platform",
      completes: "files",
    },
    {
      name: "kubeconfig",
      type: "string",
      value: "FILE",
      summary: "instead of knative.kubeconfig and KUBECONFIG",
      completes: "files",
    },
  ],
  examples: [
    "hanzo-fn cluster check",
    "hanzo-fn cluster check --config /etc/functions/config.yaml --kubeconfig ~/.kube/staging",
    "hanzo-fn cluster check -o json",
  ],
  async run(invocation) {
    const { flags, output, cwd } = invocation;
    const named = flags.text("kubeconfig");
    const given: Record<string, string> =
      named === undefined ? {} : { "knative.kubeconfig": resolve(cwd, named) };
    const loaded = await readConfig(flags.text("config"), given, invocation);
    if (!isUsable(output, loaded)) return EXIT.usage;
    const found = await report(invocation, loaded.config);
    await output.result(
      found,
      () => print(invocation, found),
      () => found.findings.map(({ id }) => id),
    );
    return found.ok ? EXIT.ok : EXIT.failure;
  },
};
