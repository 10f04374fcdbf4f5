import { createServer } from "node:net";
import type { Kind, KubeObject } from "@hanzo-fn/kubernetes";
import { systemClock } from "@hanzo-fn/lifecycle";
import { waitFor } from "@hanzo-fn/testkit";
import { expect, it, onTestFinished } from "vitest";
import { ACCOUNTS, type LiveObject, NAMESPACES } from "../deployer/kinds.ts";
import { connect, kubernetes, never, useKnativeApi } from "../deployer/test-api.ts";
import { settingsOf } from "../test-wishes.ts";
import { collectFacts } from "./collect.ts";
import type { ClusterFacts } from "./facts.ts";
import { checkCluster } from "./findings.ts";

const TEST = { fieldManager: "test" };
const SETTINGS = settingsOf("images: {registry: registry.example/f}");
const SYSTEM = "knative-serving";

function kind(apiVersion: string, name: string, plural: string, namespaced = false): Kind<LiveObject> {
  return { apiVersion, kind: name, plural, namespaced };
}
const DEFINITIONS = kind("apiextensions.k8s.io/v1", "CustomResourceDefinition", "customresourcedefinitions");
const CONFIG_MAPS = kind("v1", "ConfigMap", "configmaps", true);
const ROLES = kind("rbac.authorization.k8s.io/v1", "ClusterRole", "clusterroles");
const BINDINGS = kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings");

async function apply(of: Kind<LiveObject>, object: object): Promise<void> {
  await kubernetes().apply(
    of,
    { apiVersion: of.apiVersion, kind: of.kind, ...object } as KubeObject as never,
    TEST,
    never,
  );
}

/** A kind of Knative's that nothing here reads. */
async function define(group: string, version: string, plural: string): Promise<void> {
  const singular = plural.replace(/(?<=s)es$|s$/, "");
  const schema = { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } };
  const spec = {
    ...{
      group,
      scope: "Namespaced",
      names: { plural, singular, kind: `K${singular}`, listKind: `K${singular}List` },
    },
    versions: [{ name: version, served: true, storage: true, schema }],
  };
  await apply(DEFINITIONS, { metadata: { name: `${plural}.${group}` }, spec });
  const isServed = async () =>
    (await kubernetes().discover(`${group}/${version}`, never))?.some(({ name }) => name === plural);
  await waitFor(plural, isServed, { timeoutMs: 30_000, everyMs: 100 });
}

const configure = (name: string, data: Record<string, string>): Promise<void> =>
  apply(CONFIG_MAPS, { metadata: { name, namespace: SYSTEM }, data });
async function labelled(version: string): Promise<void> {
  const merge = { metadata: { labels: { "app.kubernetes.io/version": version } } };
  const ref = { name: "services.serving.knative.dev" };
  await kubernetes().patch(DEFINITIONS, ref, { type: "merge", merge }, TEST, never);
}

useKnativeApi(async () => {
  await define("serving.knative.dev", "v1", "configurations");
  await define("networking.internal.knative.dev", "v1alpha1", "ingresses");
  await define("networking.internal.knative.dev", "v1alpha1", "serverlessservices");
  await define("autoscaling.internal.knative.dev", "v1alpha1", "podautoscalers");
  await apply(NAMESPACES, { metadata: { name: SYSTEM } });
});

const collect = (
  more: Partial<Parameters<typeof collectFacts>[0]> = {},
  settings = SETTINGS,
): Promise<ClusterFacts> =>
  collectFacts(
    { kubernetes: kubernetes(), clock: systemClock, ...more },
    settings,
    { limitMs: 10_000 },
    never,
  );
const findings = async (): Promise<string[]> =>
  checkCluster(await collect(), SETTINGS).map(({ severity, id }) => `${severity} ${id}`);

it("a Knative of an unsupported version is an error, and the next one that is supported is none", async () => {
  await labelled("1.20.3");
  const facts = await collect();
  expect(facts).toMatchObject({ knativeVersion: "1.20.3", user: "admin", unread: {} });
  expect(facts.crds).toHaveLength(7);
  const [finding] = checkCluster(facts, SETTINGS).filter(({ id }) => id.startsWith("knative."));
  expect(finding).toMatchObject({ id: "knative.version", severity: "error" });
  expect(finding?.command).toContain("serving-core.yaml");
  await labelled("1.23.0");
  expect((await findings()).filter((id) => id.includes("knative."))).toEqual([]);
});

it("config maps edited by hand: values that Knative cannot read, and values that do not fit", async () => {
  await configure("config-autoscaler", {
    "max-scale-limit": "many",
    "stable-window": "60",
    "enable-scale-to-zero": "false",
  });
  await configure("config-defaults", {
    "max-revision-timeout-seconds": "30m",
    _example: "max-revision-timeout-seconds: 600",
  });
  const found = await findings();
  expect(found).toEqual(
    expect.arrayContaining([
      "error config.config-autoscaler.max-scale-limit",
      "error config.config-autoscaler.stable-window",
      "warning config.config-autoscaler.enable-scale-to-zero",
      "error config.config-defaults.max-revision-timeout-seconds",
    ]),
  );
  await configure("config-autoscaler", { "max-scale-limit": "0", "stable-window": "60s" });
  await configure("config-defaults", { "max-revision-timeout-seconds": "1800" });
  expect((await findings()).filter((id) => /config-(autoscaler|defaults)/.test(id))).toEqual([]);
});

it("an account without rights: each missing one is a finding, what could not be read is said, nothing is thrown", async () => {
  await apply(ACCOUNTS, { metadata: { name: "poor", namespace: "hanzo" } });
  const poor = await connect("system:serviceaccount:hanzo:poor");
  onTestFinished(() => poor.close());
  const facts = await collect({ kubernetes: poor });
  expect(Object.keys(facts.unread ?? {}).toSorted()).toEqual([
    "configmaps",
    "namespaces",
    "nodes",
    "runtimeclasses",
  ]);
  expect(facts.access.every(({ allowed }) => !allowed)).toBe(true);
  const all = checkCluster(facts, SETTINGS);
  const ids = all.map(({ id }) => id);
  expect(ids).toEqual(
    expect.arrayContaining([
      "access.secrets",
      "access.pods/log",
      "access.services.serving.knative.dev",
      "unread.nodes",
    ]),
  );
  expect(ids.some((id) => id.startsWith("config."))).toBe(false);
  expect(all.find(({ id }) => id === "unread.nodes")?.command).toContain("--serviceaccount=hanzo:poor");
  const rules = [
    {
      apiGroups: ["", "node.k8s.io"],
      resources: ["nodes", "configmaps", "namespaces", "runtimeclasses"],
      verbs: ["list"],
    },
  ];
  await apply(ROLES, { metadata: { name: "rich" }, rules });
  const subjects = [{ kind: "ServiceAccount", name: "poor", namespace: "hanzo" }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "rich" };
  await apply(BINDINGS, { metadata: { name: "rich" }, subjects, roleRef });
  await waitFor(
    "the rights",
    async () => Object.keys((await collect({ kubernetes: poor })).unread ?? {}).length === 0,
  );
});

it("what does not answer in time is a fact, and only an API server that does not answer is an error", async () => {
  const real = kubernetes();
  const forever = () => new Promise<never>(() => {});
  const options = { limitMs: 300 };
  const slow = { ...real, list: forever, whoAmI: forever };
  const facts = await collectFacts({ kubernetes: slow, clock: systemClock }, SETTINGS, options, never);
  expect(facts.unread?.nodes).toMatchObject({ forbidden: false, reason: expect.stringContaining("0.3 s") });
  expect(facts.user).toBeUndefined();
  const gone = collectFacts(
    { kubernetes: { ...real, version: forever }, clock: systemClock },
    SETTINGS,
    options,
    never,
  );
  await expect(gone).rejects.toMatchObject({
    code: "cluster_unavailable",
    component: "engine/knative",
    next: expect.stringContaining("kubectl"),
  });
});

it("the gateway's addresses: one that listens, one where nothing does", async () => {
  await using server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  const settings = { ...SETTINGS, platformAddresses: ["127.0.0.1", "127.0.0.2"], gatewayPort: port };
  expect((await collect({}, settings)).gateway).toMatchObject([
    { address: "127.0.0.1", state: "open" },
    { address: "127.0.0.2", state: "refused" },
  ]);
});
