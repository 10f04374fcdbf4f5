import { loadConfig, PlatformError, Secret } from "@hanzo-fn/contract";
import {
  type DesiredFunction,
  type DesiredRevision,
  revisionRef,
  type RevisionStatus,
} from "@hanzo-fn/engine";
import {
  createKnativeDeployer,
  knativeSettings,
  type KnativeDeployer,
  type Publisher,
} from "@hanzo-fn/engine/knative";
import { createKubernetes, kubeconfigAccess } from "@hanzo-fn/kubernetes";
import { systemClock } from "@hanzo-fn/lifecycle";
import { recordingLog, waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./open.ts";
import { BOOT_MS, helloImage, testCluster } from "./test-support.ts";

const BUDGET = { timeoutMs: 90_000, everyMs: 100 };
const PREFIX = "deployer";
const never = new AbortController().signal;
const secrets = new Map<string, string>();
const heard: RevisionStatus[] = [];

let cluster: Cluster;
let image: string;
let engine: KnativeDeployer;
let close: () => Promise<void>;

const publish: Publisher["publish"] = () =>
  Promise.resolve({ image, phasesMs: { build: 0, push: 0 }, warnings: [] });

async function open(): Promise<void> {
  const { config } = loadConfig({
    text: `auth: {org: hanzo}\nknative: {namespace: ${PREFIX}, platform_namespace: ${PREFIX}-platform, zero_initial_scale: true, progress_deadline: 60s, platform_addresses: ["${cluster.hostAddress}"]}`,
    env: {},
  });
  const access = await kubeconfigAccess(systemClock, {
    files: [cluster.kubeconfig],
    environment: process.env,
  });
  const kubernetes = createKubernetes({ config: access, clock: systemClock, log: recordingLog() });
  engine = createKnativeDeployer(
    {
      ...{ kubernetes, publish, clock: systemClock, log: recordingLog() },
      async resolveSecrets(_, names) {
        return new Map(
          names.map((name) => {
            const value = secrets.get(name);
            if (value === undefined) throw new PlatformError("missing_secret", name);
            return [name, new Secret(value)];
          }),
        );
      },
    },
    knativeSettings(config),
  );
  engine.observe((status) => heard.push(status), never);
  await engine.start(never);
  close = async () => {
    await engine.stop(1000);
    kubernetes.close();
  };
}

beforeAll(async () => {
  cluster = await testCluster();
  const namespaces = [PREFIX, `${PREFIX}-acme`, `${PREFIX}-platform`];
  await cluster.kubectl(["delete", "namespace", ...namespaces, "--ignore-not-found", "--wait"]);
  await cluster.apply({ apiVersion: "v1", kind: "Namespace", metadata: { name: `${PREFIX}-platform` } });
  image = await helloImage(cluster);
  await open();
}, BOOT_MS);
afterAll(() => close?.());
beforeEach((ctx) => {
  if (cluster.activator === undefined)
    ctx.skip("only a cluster of ours has its activator on an address of the node");
});

const SCALING = { minInstances: 0, maxInstances: 3, targetConcurrency: 10, scaleDownDelayMs: 0 };

function revision(
  name: string,
  number: number,
  more: Partial<DesiredRevision> & { org?: string } = {},
): DesiredRevision {
  const { org = "hanzo", ...rest } = more;
  return {
    ...{
      ref: revisionRef(org, name, number),
      runtime: "go",
      entry: "./hello",
      sourceDigest: `sha256:${number}`,
    },
    ...{ environment: { TARGET: "world" }, secrets: {}, cpuMillis: 10, memoryBytes: 32 * 2 ** 20 },
    ...{ timeoutMs: 5000, concurrency: 10, percent: 0, version: "1.0.0" },
    ...rest,
  };
}
const wish = (
  name: string,
  revisions: DesiredRevision[],
  more: Partial<DesiredFunction> = {},
): DesiredFunction => ({
  ...{ org: "hanzo", function: name, scaling: SCALING, revisions },
  ...more,
});

function reaches({ ref }: DesiredRevision, state: RevisionStatus["state"]): Promise<RevisionStatus> {
  return waitFor(
    `${ref.name} to be ${state}`,
    () => {
      const status = heard.findLast((item) => item.ref.key === ref.key);
      if (status?.state === "failed" && state !== "failed") throw new Error(JSON.stringify(status.failure));
      return status?.state === state ? status : undefined;
    },
    BUDGET,
  );
}

async function call({ ref }: DesiredRevision, namespace = PREFIX): Promise<string> {
  const headers = { "Knative-Serving-Namespace": namespace, "Knative-Serving-Revision": ref.name };
  const response = await fetch(`${cluster.activator}/`, { headers });
  return response.text();
}

async function names(kinds: string, name: string, namespace = PREFIX): Promise<string[]> {
  const labels = `functions.hanzo.ai/function=${name}`;
  const args = ["get", kinds, "-n", namespace, "-l", labels, "-o", "name"];
  return (await cluster.kubectl(args)).split("\n").filter((line) => line !== "");
}
const field = (kind: string, name: string, path: string): Promise<string> =>
  cluster.kubectl(["get", kind, name, "-n", PREFIX, "-o", `jsonpath={${path}}`]);

test("a function becomes ready, takes a second revision, splits its traffic, scales in place, and leaves no object", async () => {
  const first = revision("split", 1);
  await engine.apply(wish("split", [first]), never);
  const { phasesMs, instances } = await reaches(first, "ready");
  expect(phasesMs["start"]).toBeGreaterThan(0);
  expect(instances).toMatchObject([{ instance: expect.stringMatching(/^fn-split-00001-deployment-/) }]);
  expect(await call(first)).toBe("hello world from split-00001\n");
  const second = revision("split", 2, { environment: { TARGET: "moon" } });
  const proven = { ...first, percent: 100, proven: true };
  await engine.apply(wish("split", [proven, second]), never);
  await reaches(second, "ready");
  expect(await call(second)).toBe("hello moon from split-00002\n");
  const both = [
    { ...proven, percent: 90 },
    { ...second, percent: 10, proven: true },
  ];
  await engine.apply(wish("split", both, { scaling: { ...SCALING, maxInstances: 2 } }), never);
  const traffic = async (): Promise<boolean> =>
    (await field("ksvc", "split", ".spec.traffic[*].percent")) === "90 10";
  await waitFor("the split", traffic, BUDGET);
  const scale = async (): Promise<boolean> =>
    (await field(
      "podautoscaler",
      "split-00002",
      ".metadata.annotations.autoscaling\\.knative\\.dev/max-scale",
    )) === "2";
  await waitFor("the autoscaler's maximum", scale, BUDGET);
  await engine.remove({ org: "hanzo", function: "split" }, never);
  const kinds =
    "ksvc,configuration,route,revision,deployment,replicaset,pod,service,secret,serviceaccount,networkpolicy,podautoscaler";
  expect(await names(kinds, "split")).toEqual([]);
  expect(engine.status(first.ref)).toBeUndefined();
});

test("a secret that changes reaches pods without another revision", async () => {
  secrets.set("target", "sun");
  const one = revision("rotates", 1, { environment: {}, secrets: { TARGET: "target" } });
  await engine.apply(wish("rotates", [one]), never);
  await reaches(one, "ready");
  expect(await call(one)).toBe("hello sun from rotates-00001\n");
  secrets.set("target", "mars");
  await engine.apply(wish("rotates", [{ ...one, percent: 100, proven: true }]), never);
  const answer = async (): Promise<boolean> => (await call(one)) === "hello mars from rotates-00001\n";
  await waitFor("the other value", answer, BUDGET);
  expect(await names("revision", "rotates")).toHaveLength(1);
});

test("an image that does not start is told with its exit code and its last lines, and what was ready stays", async () => {
  const good = revision("breaks", 1);
  await engine.apply(wish("breaks", [good]), never);
  await reaches(good, "ready");
  const bad = revision("breaks", 2, { environment: { FAIL: "the database is not there" } });
  await engine.apply(wish("breaks", [{ ...good, percent: 100, proven: true }, bad]), never);
  const { failure } = await reaches(bad, "failed");
  expect(failure).toMatchObject({ code: "load_failed", logTail: ["the database is not there"] });
  expect(failure?.message).toContain("exited with code 3");
  expect(await call(good)).toBe("hello world from breaks-00001\n");
});

test("an image that the registry does not have is told as such", async () => {
  const real = image;
  image = image.replace(/[0-9a-f]{64}$/, "0".repeat(64));
  const one = revision("absent", 1);
  await engine.apply(wish("absent", [one]), never);
  const { failure } = await reaches(one, "failed").finally(() => (image = real));
  expect(failure).toMatchObject({
    code: "image_pull_failed",
    message: expect.stringContaining("does not have the image"),
  });
  await engine.apply(wish("absent", []), never);
  await waitFor("its end", async () => (await names("ksvc,revision,pod", "absent")).length === 0, BUDGET);
});

test("what Knative's webhook refuses is told in its own words", async () => {
  const one = revision("refused", 1, { timeoutMs: 2_000_000 });
  await engine.apply(wish("refused", [one]), never);
  const { failure } = await reaches(one, "failed");
  expect(failure).toMatchObject({
    code: "object_rejected",
    message: expect.stringContaining("expected 0 <= 2060 <= 1800: spec.template.spec.timeoutSeconds"),
  });
  await engine.remove({ org: "hanzo", function: "refused" }, never);
  expect(await names("secret,serviceaccount,networkpolicy", "refused")).toEqual([]);
});

test("what somebody deletes with kubectl comes back", async () => {
  const one = revision("drifts", 1);
  await engine.apply(wish("drifts", [one]), never);
  await reaches(one, "ready");
  await engine.apply(wish("drifts", [{ ...one, percent: 100, proven: true }]), never);
  await cluster.kubectl(["delete", "-n", PREFIX, "networkpolicy,secret,serviceaccount", "fn-drifts"]);
  const own = async (): Promise<boolean> =>
    (await names("networkpolicy,secret,serviceaccount", "drifts")).length === 3;
  await waitFor("what it needs", own, BUDGET);
  const revisionUid = (): Promise<string> => field("revision", "drifts-00001", ".metadata.uid");
  const first = await revisionUid();
  await cluster.kubectl(["delete", "-n", PREFIX, "revision", "drifts-00001", "--wait=false"]);
  const anotherRevision = async (): Promise<boolean> => {
    const found = await names("revision", "drifts");
    return found.length === 1 && (await revisionUid()) !== first;
  };
  await waitFor("another Revision", anotherRevision, BUDGET);
  const uid = await field("ksvc", "drifts", ".metadata.uid");
  await cluster.kubectl(["delete", "-n", PREFIX, "ksvc", "drifts", "--wait=false"]);
  const another = async (): Promise<boolean> => {
    const [name] = await names("ksvc", "drifts");
    return name !== undefined && (await field("ksvc", "drifts", ".metadata.uid")) !== uid;
  };
  await waitFor("another Service", another, BUDGET);
  const answers = async (): Promise<boolean> => (await call(one)) === "hello world from drifts-00001\n";
  await waitFor("an answer", answers, BUDGET);
});

test("two organisations with a function of the same name are apart", async () => {
  const ours = revision("same", 1);
  const theirs = revision("same", 1, { org: "acme", environment: { TARGET: "acme" } });
  await engine.apply(wish("same", [ours]), never);
  await engine.apply(wish("same", [theirs], { org: "acme" }), never);
  await Promise.all([reaches(ours, "ready"), reaches(theirs, "ready")]);
  expect(await call(theirs, `${PREFIX}-acme`)).toBe("hello acme from same-00001\n");
  await engine.remove({ org: "acme", function: "same" }, never);
  expect(await call(ours)).toBe("hello world from same-00001\n");
});

test("a restart finds everything as it was, and what is no more is taken down", async () => {
  const stays = revision("stays", 1);
  const goes = revision("goes", 1);
  await engine.apply(wish("stays", [stays]), never);
  await engine.apply(wish("goes", [goes]), never);
  await Promise.all([reaches(stays, "ready"), reaches(goes, "ready")]);
  const version = (): Promise<string> => field("ksvc", "stays", ".metadata.generation");
  await engine.apply(wish("stays", [{ ...stays, percent: 100, proven: true }]), never);
  const moved = async (): Promise<boolean> =>
    (await field("ksvc", "stays", ".spec.traffic[0].revisionName")) !== "";
  await waitFor("its traffic", moved, BUDGET);
  const before = await version();
  await close();
  await open();
  await engine.apply(wish("stays", [{ ...stays, percent: 100, proven: true }]), never);
  engine.retain([{ org: "hanzo", function: "stays" }]);
  await waitFor(
    "the other to go",
    async () => (await names("ksvc,revision,pod", "goes")).length === 0,
    BUDGET,
  );
  expect(await version()).toBe(before);
});
