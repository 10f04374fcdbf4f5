import { createServer } from "node:http";
import { waitFor } from "@hanzo-fn/testkit";
import { beforeAll, beforeEach, expect, test } from "vitest";
import type { Cluster } from "./open.ts";
import { BOOT_MS, helloImage, service, testCluster } from "./test-support.ts";

const NAME = "scaled";
const REVISION = `${NAME}-00001`;
const BUDGET = { timeoutMs: 60_000, everyMs: 100 };

let cluster: Cluster;
beforeAll(async () => {
  cluster = await testCluster();
  await cluster.kubectl(["delete", "ksvc", NAME, "--ignore-not-found", "--wait"]);
  await cluster.apply(service(NAME, REVISION, await helloImage(cluster)));
  await cluster.kubectl(["wait", "--for=condition=Ready", `revision/${REVISION}`, "--timeout=60s"]);
}, BOOT_MS);

beforeEach((ctx) => {
  if (cluster.activator === undefined)
    ctx.skip("only a cluster of ours has its activator on an address of the node");
});

async function throughActivator(): Promise<string> {
  const headers = { "Knative-Serving-Namespace": "default", "Knative-Serving-Revision": REVISION };
  const response = await fetch(`${cluster.activator}/`, { headers });
  expect(response.status).toBe(200);
  return response.text();
}

async function replicas(): Promise<string> {
  return cluster.kubectl(["get", "deployment", `${REVISION}-deployment`, "-o", "jsonpath={.spec.replicas}"]);
}

/** Ready and not about to end: the phase of a pod says neither. */
async function readyAddress(): Promise<string> {
  const labels = `networking.internal.knative.dev/serverlessservice=${REVISION},networking.internal.knative.dev/serviceType=Private`;
  const slices = JSON.parse(await cluster.kubectl(["get", "endpointslices", "-l", labels, "-o", "json"])) as {
    items: { endpoints?: { addresses: string[]; conditions: { ready?: boolean } }[] }[];
  };
  const found = slices.items
    .flatMap(({ endpoints = [] }) => endpoints)
    .filter(({ conditions }) => conditions.ready);
  return found[0]?.addresses[0] ?? "";
}

test("a Knative Service of a hand-built image answers on its pod, through its ClusterIP and through the activator", async () => {
  const answer = `hello world from ${REVISION}\n`;
  expect(await throughActivator()).toBe(answer);
  const pod = await waitFor("an address of the pod", async () => (await readyAddress()) || undefined, BUDGET);
  expect(await (await fetch(`http://${pod}:8012/`)).text()).toBe(answer);
  const path = "jsonpath={.spec.clusterIP}";
  const clusterIp = await cluster.kubectl(["get", "service", `${REVISION}-private`, "-o", path]);
  expect(await (await fetch(`http://${clusterIp}/`)).text()).toBe(answer);
});

test("a pod reaches this machine by the one address that the cluster names, and services by their names", async () => {
  const pod = await waitFor(
    "an address of the pod",
    async () => {
      await throughActivator();
      return (await readyAddress()) || undefined;
    },
    BUDGET,
  );
  const through = async (url: string): Promise<number> =>
    (await fetch(`http://${pod}:8012/?get=${encodeURIComponent(url)}`)).status;
  // The name that images have.
  expect(await through(`http://${cluster.registry.inside}/v2/`)).toBe(200);
  const server = createServer((_, response) => response.end("here"));
  await new Promise<void>((resolve) => server.listen(0, cluster.hostAddress, resolve));
  const { port } = server.address() as { port: number };
  expect(await through(`http://${cluster.hostAddress}:${port}/`)).toBe(200);
  expect(await through(`http://host.local:${port}/`)).toBe(200);
  server.close();
  expect(await through(`http://${REVISION}-private.default.svc.cluster.local/`)).toBe(200);
});

test("a function scales to zero when nobody calls it, and back when somebody does", async () => {
  await throughActivator();
  await waitFor("no replica", async () => (await replicas()) === "0", BUDGET);
  expect(await throughActivator()).toBe(`hello world from ${REVISION}\n`);
  expect(await replicas()).toBe("1");
});
