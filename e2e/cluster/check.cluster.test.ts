import { spawn } from "node:child_process";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { loadConfig } from "@hanzo-fn/contract";
import { type DesiredRevision, revisionRef } from "@hanzo-fn/engine";
import {
  createKnativeDeployer,
  type Finding,
  type KnativeDeployer,
  knativeSettings,
} from "@hanzo-fn/engine/knative";
import { createKubernetes, kubeconfigAccess } from "@hanzo-fn/kubernetes";
import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog, tempDir, type TempDir, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./open.ts";
import { runCommand } from "./platform/command.ts";
import { BOOT_MS, helloImage, testCluster } from "./test-support.ts";

const CLI = fileURLToPath(new URL("../../cli/bin/hanzo-fn", import.meta.url));
const PREFIX = "checked";
const SYSTEM = "knative-serving";
const never = new AbortController().signal;

let cluster: Cluster;
let folder: TempDir;
let config: string;

beforeAll(async () => {
  cluster = await testCluster();
  folder = await tempDir();
  await cluster.kubectl([
    "delete",
    "namespace",
    PREFIX,
    `${PREFIX}-platform`,
    "--ignore-not-found",
    "--wait",
  ]);
  config = `
auth: {org: hanzo}
images: {registry: "${cluster.registry.inside}/checked", registry_url: "${cluster.registry.outside}"}
knative:
  namespace: ${PREFIX}
  platform_namespace: ${PREFIX}-platform
  domain: fn.example.test
  egress: {namespace_label: "name=${PREFIX}"}
  platform_addresses: ["${cluster.hostAddress}"]
`;
}, BOOT_MS);
beforeEach((ctx) => {
  if (cluster.activator === undefined) ctx.skip("Knative's settings are edited in a cluster of ours alone");
});
afterAll(async () => {
  await cluster?.kubectl([
    "delete",
    "namespace",
    PREFIX,
    `${PREFIX}-platform`,
    "--ignore-not-found",
    "--wait=false",
  ]);
  await folder?.[Symbol.asyncDispose]();
});

/** What the command prints, and how it ends. */
async function cli(args: readonly string[], kubeconfig = cluster.kubeconfig) {
  const file = join(folder.path, "config.yaml");
  await writeFile(file, config);
  const env = { ...process.env, KUBECONFIG: kubeconfig, HOME: folder.path };
  const child = spawn(CLI, ["cluster", "check", "--config", file, ...args], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [stdout, stderr, rc] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  return { stdout, stderr, rc };
}

interface Report {
  readonly ok: boolean;
  readonly knative: string;
  readonly findings: readonly Finding[];
}
async function check(): Promise<Report & { readonly rc: number | null }> {
  const { stdout, stderr, rc } = await cli(["-o", "json"]);
  expect(stderr).toBe("");
  return { ...(JSON.parse(stdout) as Report), rc };
}
const errors = ({ findings }: Report): string[] =>
  findings.filter(({ severity }) => severity === "error").map(({ id }) => id);

/** Runs a finding's command as a shell takes it apart. */
async function mend({ findings }: Report, id: string): Promise<void> {
  const command = findings.find((finding) => finding.id === id)?.command;
  expect(command, id).toMatch(/^kubectl /);
  const split = await runCommand("sh", ["-c", `kubectl() { printf '%s\\0' "$@"; }; ${command}`]);
  await cluster.kubectl(split.split("\0").slice(0, -1));
}
const edit = (map: string, data: Record<string, string>): Promise<string> =>
  cluster.kubectl(["patch", "configmap", map, "-n", SYSTEM, "--type=merge", "-p", JSON.stringify({ data })]);

test("what a cluster lacks is mended by the commands that the check gives", async () => {
  const before = await check();
  expect([before.rc, before.ok, errors(before)]).toEqual([1, false, ["namespace.platform"]]);
  for (const id of ["namespace.platform", "namespace.egress"]) await mend(before, id);
  const after = await check();
  expect([after.rc, after.ok, errors(after)]).toEqual([0, true, []]);
  expect(after.findings.map(({ id }) => id)).not.toContain("namespace.egress");
  const { stdout, rc } = await cli([]);
  expect(rc).toBe(0);
  expect(stdout).toMatch(/^functions can run here: 0 errors/m);
  expect(stdout).toMatch(/^ {2}mend: kubectl /m);
});

test("config maps edited by hand: what does not fit is found, and Knative itself refuses what it cannot read", async () => {
  try {
    await edit("config-defaults", { "max-revision-timeout-seconds": "600" });
    await edit("config-features", { "kubernetes.podspec-fieldref": "disabled" });
    await expect(edit("config-autoscaler", { "max-scale-limit": "many" })).rejects.toThrow(/many/);
    const ids = [
      "config-defaults.max-revision-timeout-seconds",
      "config-features.kubernetes.podspec-fieldref",
    ];
    const found = await check();
    expect([found.rc, errors(found).toSorted()]).toEqual([1, ids.map((id) => `config.${id}`)]);
    for (const id of errors(found)) await mend(found, id);
    expect(errors(await check())).toEqual([]);
  } finally {
    await edit("config-defaults", { "max-revision-timeout-seconds": "1800" });
    await edit("config-features", { "kubernetes.podspec-fieldref": "enabled" });
  }
});

test("a Knative of an unsupported version is an error, whatever else is well", async () => {
  const label = (version: string): Promise<string> =>
    cluster.kubectl([
      "label",
      "crd",
      "services.serving.knative.dev",
      "--overwrite",
      `app.kubernetes.io/version=${version}`,
    ]);
  const { knative } = await check();
  try {
    await label("1.20.3");
    const found = await check();
    expect([found.rc, found.knative, errors(found)]).toEqual([1, "1.20.3", ["knative.version"]]);
    expect(found.findings[0]?.message).toContain("1.21 to 1.23");
  } finally {
    await label(knative);
  }
});

test("a registry that does not answer is a finding; a cluster that does not answer is an error with what to do", async () => {
  const before = config;
  config = config.replace(cluster.registry.outside, "http://127.0.0.1:1");
  const found = await check();
  config = before;
  expect([found.rc, errors(found)]).toEqual([1, ["registry.reachable"]]);
  expect(found.findings[0]?.command).toBe("curl -v http://127.0.0.1:1/v2/");
  const gone = join(folder.path, "kubeconfig");
  await writeFile(
    gone,
    (await readFile(cluster.kubeconfig, "utf8")).replace(/https:\/\/[^"\s]+/, "https://127.0.0.1:1"),
  );
  const { rc, stdout, stderr } = await cli([], gone);
  expect([rc, stdout]).toEqual([7, ""]);
  expect(stderr).toMatch(/^error: .*the API server does not answer: .*ECONNREFUSED/);
  expect(stderr).toMatch(/^ {2}from kubernetes\n {2}next: Check that the server of context/m);
});

interface Opened extends AsyncDisposable {
  readonly engine: KnativeDeployer;
}

async function openDeployer(image: string): Promise<Opened> {
  const settings = knativeSettings(loadConfig({ text: config, env: {} }).config);
  const access = await kubeconfigAccess(systemClock, { files: [cluster.kubeconfig], environment: {} });
  const kubernetes = createKubernetes({ config: access, clock: systemClock, log: recordingLog() });
  const publish = () => Promise.resolve({ image, phasesMs: {}, warnings: [] });
  const resolveSecrets = () => Promise.resolve(new Map());
  const engine = createKnativeDeployer(
    { kubernetes, publish, resolveSecrets, clock: systemClock, log: recordingLog() },
    settings,
  );
  await engine.start(never);
  return {
    engine,
    async [Symbol.asyncDispose]() {
      await engine.stop(1000);
      kubernetes.close();
    },
  };
}

function revision(number: number, more: Partial<DesiredRevision> = {}): DesiredRevision {
  return {
    ...{
      ref: revisionRef("hanzo", "tried", number),
      runtime: "go",
      entry: "./hello",
      sourceDigest: `sha256:${number}`,
    },
    ...{ environment: { TARGET: "world" }, secrets: {}, cpuMillis: 10, memoryBytes: 32 * 2 ** 20 },
    ...{ timeoutMs: 5000, concurrency: 10, percent: 0, version: "1.0.0", ...more },
  };
}
const scaling = { minInstances: 0, maxInstances: 3, targetConcurrency: 10, scaleDownDelayMs: 0 };

test("a dry run says what Knative's webhook and a quota say, in their words, and changes nothing", async () => {
  await using opened = await openDeployer(await helloImage(cluster));
  const { engine } = opened;
  const ask = async (...revisions: DesiredRevision[]) => {
    const found = await engine.check({ org: "hanzo", function: "tried", scaling, revisions }, never);
    return found.refused.map(({ code, message }) => `${code}: ${message}`);
  };
  const first = revision(1, { percent: 100 });
  await engine.apply({ org: "hanzo", function: "tried", scaling, revisions: [first] }, never);
  await waitFor("ready", () => engine.status(first.ref)?.state === "ready", {
    timeoutMs: 90_000,
    everyMs: 100,
  });
  const generation = (): Promise<string> =>
    cluster.kubectl(["get", "ksvc", "tried", "-n", PREFIX, "-o", "jsonpath={.metadata.generation}"]);
  const before = await generation();
  const live = { ...first, proven: true };
  // Knative refuses the template that is there already when it is sent once more.
  expect(await ask(live)).toEqual([]);
  expect(await ask(live, revision(2))).toEqual([]);
  expect(await ask(live, revision(2, { timeoutMs: 3_600_000 }))).toEqual([
    expect.stringMatching(
      /object_rejected: .*admission webhook "validation.webhook.serving.knative.dev" denied the request: .*timeoutSeconds/,
    ),
  ]);
  const hard = { "requests.memory": "128Mi" };
  await cluster.apply({
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "small", namespace: PREFIX },
    spec: { hard },
  });
  const big = revision(2, { memoryBytes: 256 * 2 ** 20 });
  const refused = await waitFor("the quota", async () => {
    const words = await ask(live, big);
    return words.length > 0 ? words : undefined;
  });
  expect(refused).toEqual([
    expect.stringMatching(
      /^quota_exceeded: .*exceeded quota: small, requested: requests.memory=256Mi, used: .*limited: requests.memory=128Mi/,
    ),
  ]);
  expect(await generation()).toBe(before);
  expect(await cluster.kubectl(["get", "revisions.serving.knative.dev", "-n", PREFIX, "-o", "name"])).toBe(
    "revision.serving.knative.dev/tried-00001\n",
  );
});
