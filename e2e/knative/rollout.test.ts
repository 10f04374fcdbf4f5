/** The life of one function on a cluster, as its user and as users of kubectl and kn see it. */
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { binomialBounds } from "../support/binomial.ts";
import { callFunction, instancesOf } from "../support/deploys.ts";
import { deployFunction, type FunctionSource } from "../support/functions.ts";
import { BUDGET, kubectl, placeOf, reading, SMALL, tally } from "../support/on-cluster.ts";
import { startPlatform, type TestPlatform } from "../support/platform.ts";

const NAME = "steady";
const [FIRST, SECOND] = [`${NAME}-00001`, `${NAME}-00002`];
const CALLS = 500;

const source = (version: string): FunctionSource => ({
  name: NAME,
  runtime: "typescript",
  version,
  manifest: SMALL,
  code: `export const handle = () => {\n  console.log("served by ${version}");\n  return ${JSON.stringify(version)};\n};\n`,
});

let platform: TestPlatform;
beforeAll(async () => {
  platform = await startPlatform();
  await deployFunction(platform, source("1.0.0"));
  await deployFunction(platform, source("2.0.0"), ["--no-traffic"]);
});
afterAll(() => platform?.[Symbol.asyncDispose]());

interface Service {
  readonly metadata: Record<"labels" | "annotations", Record<string, string>>;
  readonly spec: { readonly template: { readonly metadata: { readonly name: string } } };
  readonly status: {
    readonly url: string;
    readonly address: { readonly url: string };
    readonly latestReadyRevisionName: string;
    readonly latestCreatedRevisionName: string;
    readonly conditions: readonly { readonly type: string; readonly status: string }[];
    readonly traffic: readonly {
      readonly revisionName: string;
      readonly percent?: number;
      readonly tag: string;
      readonly url: string;
    }[];
  };
}

async function service(): Promise<Service> {
  return JSON.parse(await kubectl(platform, ["get", "ksvc", NAME, "-o", "json"])) as Service;
}

/** Revision to percent, of `status.traffic`. */
async function trafficInCluster(): Promise<Record<string, number>> {
  const { traffic } = (await service()).status;
  return Object.fromEntries(traffic.map(({ revisionName, percent = 0 }) => [revisionName, percent]));
}

const trafficIs = (shares: Record<string, number>): Promise<boolean> =>
  waitFor(
    `traffic ${JSON.stringify(shares)}`,
    async () => JSON.stringify(await trafficInCluster()) === JSON.stringify(shares),
    BUDGET,
  );

test("a revision without traffic is called by nobody; with 10 % by a tenth of the calls, within 99.9 % bounds", async () => {
  expect(await tally(platform, NAME, 50)).toEqual({ [FIRST]: 50 });
  await platform.ok(["traffic", NAME, "--revision", "2", "--percent", "10"]);
  const counts = await tally(platform, NAME, CALLS);
  const { low, high } = binomialBounds(CALLS, 0.1);
  expect(counts[SECOND]).toBeGreaterThanOrEqual(low);
  expect(counts[SECOND]).toBeLessThanOrEqual(high);
  expect((counts[FIRST] ?? 0) + (counts[SECOND] ?? 0)).toBe(CALLS);
  await trafficIs({ [FIRST]: 90, [SECOND]: 10 });
});

test("the Knative Service is ready, and says its URL, its newest revision and its traffic with tags", async () => {
  const { namespace } = placeOf(platform);
  const conditions = ["ConfigurationsReady", "Ready", "RoutesReady"].map((type) => [type, "True"]);
  const { metadata, spec, status } = await waitFor(
    "a Service that is ready",
    async () => {
      const one = await service();
      return one.status.conditions.every((condition) => condition.status === "True") && one;
    },
    BUDGET,
  );
  expect(status.conditions.map(({ type, status }) => [type, status]).toSorted()).toEqual(conditions);
  expect(status.url).toBe(`http://${NAME}.${namespace}.fn.example.test`);
  expect(status.address.url).toBe(`http://${NAME}.${namespace}.svc.cluster.local`);
  expect(spec.template.metadata.name).toBe(SECOND);
  expect([status.latestReadyRevisionName, status.latestCreatedRevisionName]).toEqual([SECOND, SECOND]);
  const host = (tag: string): string => `http://${tag}-${NAME}.${namespace}.fn.example.test`;
  expect(status.traffic).toEqual([
    { latestRevision: false, revisionName: FIRST, percent: 90, tag: "rev1", url: host("rev1") },
    { latestRevision: false, revisionName: SECOND, percent: 10, tag: "rev2", url: host("rev2") },
  ]);
  expect(metadata.labels).toMatchObject({
    "app.kubernetes.io/managed-by": "hanzo-functions",
    "functions.hanzo.ai/function": NAME,
    "functions.hanzo.ai/org": "local",
  });
  expect(metadata.annotations["functions.hanzo.ai/organisation"]).toBe("local");
});

test("kubectl get shows what kn shows: one line for the Service, and revisions by name with their generation", async () => {
  const { namespace } = placeOf(platform);
  const line = await kubectl(platform, ["get", "ksvc", NAME, "--no-headers"]);
  expect(line.trim().split(/\s+/)).toEqual([
    NAME,
    `http://${NAME}.${namespace}.fn.example.test`,
    SECOND,
    SECOND,
    "True",
  ]);
  const selector = `revisions -l serving.knative.dev/service=${NAME}`;
  const path = `{range .items[*]}{.metadata.name} {.metadata.labels.serving\\.knative\\.dev/configurationGeneration}{"\\n"}{end}`;
  expect((await reading(platform, selector, path)).trim().split("\n")).toEqual([`${FIRST} 1`, `${SECOND} 2`]);
});

test("traffic, scaling and labels that somebody changes by hand are as they were soon after", async () => {
  const traffic = [
    { revisionName: FIRST, percent: 0 },
    { revisionName: SECOND, percent: 100 },
  ];
  await kubectl(platform, [
    "patch",
    "ksvc",
    NAME,
    "--type=merge",
    "-p",
    JSON.stringify({ spec: { traffic } }),
  ]);
  const scaling = "autoscaling.knative.dev/max-scale";
  await kubectl(platform, ["annotate", "--overwrite", "revision", FIRST, `${scaling}=77`]);
  await kubectl(platform, ["label", "--overwrite", "ksvc", NAME, "functions.hanzo.ai/function=other"]);
  const maximum = (): Promise<string> =>
    reading(platform, `revision ${FIRST}`, "{.metadata.annotations.autoscaling\\.knative\\.dev/max-scale}");
  await waitFor("the maximum of instances", async () => (await maximum()) !== "77", BUDGET);
  const label = (): Promise<string> =>
    reading(platform, `ksvc ${NAME}`, "{.metadata.labels.functions\\.hanzo\\.ai/function}");
  await waitFor("the label", async () => (await label()) === NAME, BUDGET);
  await trafficIs({ [FIRST]: 90, [SECOND]: 10 });
  expect((await tally(platform, NAME, 50))[FIRST]).toBeGreaterThan(25);
});

test("scaling that somebody changes in the Service's template is refused by Knative itself, since revisions have names", async () => {
  const annotations = { "autoscaling.knative.dev/max-scale": "77" };
  const patch = JSON.stringify({ spec: { template: { metadata: { annotations } } } });
  const patching = kubectl(platform, ["patch", "ksvc", NAME, "--type=merge", "-p", patch]);
  await expect(patching).rejects.toThrow(/without a name change/);
});

test("a promoted revision takes every call, and after a rollback the one before it does", async () => {
  await platform.ok(["traffic", NAME, "--revision", "2", "--percent", "100"]);
  expect(await tally(platform, NAME, 50)).toEqual({ [SECOND]: 50 });
  await trafficIs({ [FIRST]: 0, [SECOND]: 100 });
  await platform.ok(["rollback", NAME]);
  expect(await tally(platform, NAME, 50)).toEqual({ [FIRST]: 50 });
  await trafficIs({ [FIRST]: 100, [SECOND]: 0 });
});

test("an idle function goes to zero, its log is still there, and the next call brings it back, cold", async () => {
  const deployments = `deployments -l serving.knative.dev/service=${NAME}`;
  const replicas = (): Promise<string> => reading(platform, deployments, "{.items[*].spec.replicas}");
  const atZero = async (): Promise<boolean> => (await instancesOf(platform, NAME)).length === 0;
  await waitFor("no replica", async () => (await replicas()) === "0 0", BUDGET);
  await waitFor("no instance that takes calls", atZero, BUDGET);
  expect(await platform.ok(["logs", NAME, "--since", "10m"])).toContain("served by 1.0.0");
  expect(await platform.ok(["logs", NAME, "--since", "10m", "--revision", "2"])).not.toContain(
    "served by 1.",
  );
  // A pod that leaves may answer until the proxy has heard of it.
  const coldCall = async () => {
    const answer = await callFunction(platform, NAME);
    return answer.headers.has("x-function-cold-start-ms") && answer;
  };
  const cold = await waitFor("a cold start", coldCall, BUDGET);
  expect([cold.status, cold.text]).toEqual([200, "1.0.0"]);
  expect(Number(cold.headers.get("x-function-cold-start-ms"))).toBeGreaterThan(0);
  expect(cold.headers.get("x-function-instance")).toMatch(new RegExp(`^fn-${FIRST}-deployment-`));
  await waitFor("an instance", async () => !(await atZero()), BUDGET);
  const warm = await callFunction(platform, NAME);
  expect([warm.status, warm.headers.get("x-function-cold-start-ms")]).toEqual([200, null]);
});

test("a deleted function leaves no object of any kind, and its calls find nothing", async () => {
  await platform.ok(["delete", NAME]);
  expect((await callFunction(platform, NAME)).status).toBe(404);
  const kinds = await kubectl(platform, ["api-resources", "--verbs=list", "--namespaced", "-o", "name"]);
  const all = kinds
    .trim()
    .split("\n")
    .filter((kind) => !kind.startsWith("events"));
  const listed = await kubectl(platform, ["get", all.join(","), "-o", "name", "--ignore-not-found"]);
  expect(listed.split("\n").filter((name) => /\/(fn-)?steady\b/.test(name))).toEqual([]);
  expect(await platform.ok(["list"])).not.toContain(NAME);
});
