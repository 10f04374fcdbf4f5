import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { waitFor } from "@hanzo-fn/testkit";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { openFunctions, type FunctionsPlatform } from "./functions.ts";
import type { Cluster } from "./open.ts";
import { BOOT_MS, helloImage, testCluster } from "./test-support.ts";

const ORG = "calls";
const NAMESPACE = `hanzo-functions-${ORG}`;
const NAME = "greeter";
const EXACT = "one-at-a-time";
const BUDGET = { timeoutMs: 60_000, everyMs: 50 };

let cluster: Cluster;
let platform: FunctionsPlatform;
/** Where the gateway would be: says that it was reached, takes its time at `/slow`, and holds calls to `/hold` for ever. */
let gateway: Server;
const holding: { by: string | undefined } = { by: undefined };

beforeAll(async () => {
  cluster = await testCluster();
  gateway = createServer((request, response) => {
    if (request.url === "/hold") holding.by = request.socket.remoteAddress;
    else if (request.url === "/slow") setTimeout(() => response.end("at last"), 300);
    else response.end("the gateway");
  });
  await new Promise<void>((resolve) => gateway.listen(0, cluster.hostAddress, resolve));
  platform = await openFunctions(cluster, { gatewayPort: (gateway.address() as AddressInfo).port });
  await cluster.kubectl(["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait"]);
  const image = await helloImage(cluster);
  await platform.deploy({ org: ORG, name: NAME, image, concurrency: 10 });
  await platform.deploy({ org: ORG, name: EXACT, image, concurrency: 1 });
}, BOOT_MS);

afterAll(async () => {
  await platform?.[Symbol.asyncDispose]();
  gateway?.closeAllConnections();
  gateway?.close();
  await cluster?.kubectl(["delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait=false"]);
}, 60_000);

beforeEach(() => {
  holding.by = undefined;
});

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly error: string | undefined;
  readonly instance: string | null;
  readonly coldStart: string | null;
}

async function call(name = NAME, query = ""): Promise<Answer> {
  const response = await fetch(`${platform.url}/${name}${query}`);
  const text = await response.text();
  const error = text.startsWith("{") ? (JSON.parse(text) as { error?: string }).error : undefined;
  const { status, headers } = response;
  const instance = headers.get("x-function-instance");
  return { status, text, error, instance, coldStart: headers.get("x-function-cold-start-ms") };
}

/** As pods know it. */
const gatewayUrl = (): string =>
  `http://hanzo-fn-gateway.hanzo.svc.cluster.local:${platform.settings.gatewayPort}`;

const kubectl = (...args: string[]): Promise<string> => cluster.kubectl([...args, "-n", NAMESPACE]);

/** The instance that a call would go to directly; undefined while there is none. */
function warmInstance(name = NAME): string | undefined {
  const lease = platform.instances.tryAcquire(`${ORG}/${name}-00001`);
  lease?.release();
  return lease?.target.instance || undefined;
}

async function scaledToZero(name = NAME): Promise<void> {
  await waitFor(
    "no replica",
    async () =>
      (await kubectl("get", "deployment", `${name}-00001-deployment`, "-o", "jsonpath={.spec.replicas}")) ===
      "0",
    BUDGET,
  );
  await waitFor("no endpoint", () => warmInstance(name) === undefined, BUDGET);
}

async function warm(): Promise<string> {
  await call();
  return waitFor("an endpoint", () => warmInstance(), BUDGET);
}

test("a Knative Service becomes ready by our status, and its name leads to the proxy's internal Service", async () => {
  for (const name of [NAME, EXACT])
    await kubectl("wait", "--for=condition=Ready", `ksvc/${name}`, "--timeout=90s");
  const external = await kubectl("get", "service", NAME, "-o", "jsonpath={.spec.externalName}");
  expect(external).toBe("hanzo-fn-invoke-internal.hanzo.svc.cluster.local");
  const generations = await kubectl(
    "get",
    "kingress",
    NAME,
    "-o",
    "jsonpath={.metadata.generation} {.status.observedGeneration}",
  );
  expect(new Set(generations.split(" ")).size).toBe(1);
});

test("a call at zero goes through the activator, and says how long it waited and for which instance", async () => {
  await scaledToZero();
  const answer = await call();
  expect(answer).toMatchObject({ status: 200, text: `hello world from ${NAME}-00001\n` });
  expect(answer.instance).toMatch(new RegExp(`^fn-${NAME}-00001-deployment-`));
  expect(Number(answer.coldStart)).toBeGreaterThan(0);
});

test("a call to a warm function goes to its pod, and is no cold start", async () => {
  const instance = await warm();
  const answer = await call();
  expect(answer).toMatchObject({ status: 200, instance, coldStart: null });
});

test("a function of one call at a time is reached through the activator, pods or not", async () => {
  const answers = await Promise.all(Array.from({ length: 5 }, () => call(EXACT)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200]);
  expect(answers.every(({ instance }) => instance?.startsWith(`fn-${EXACT}-00001-`))).toBe(true);
  expect(warmInstance(EXACT)).toBeUndefined();
});

test("a pod that is deleted in the middle of a call is said to be that, and the next call is answered", async () => {
  await warm();
  const running = call(NAME, `?get=${encodeURIComponent(`${gatewayUrl()}/hold`)}`);
  const early = running.then(({ status, text }) => Promise.reject(new Error(`${status}: ${text}`)));
  const address = await Promise.race([early, waitFor("the call to be in the pod", () => holding.by, BUDGET)]);
  const pods = await kubectl(
    "get",
    "pods",
    "-o",
    'jsonpath={range .items[*]}{.status.podIP} {.metadata.name}{"\\n"}{end}',
  );
  const pod =
    pods
      .split("\n")
      .find((line) => line.startsWith(`${address} `))
      ?.split(" ")[1] ?? "";
  await kubectl("delete", "pod", pod, "--grace-period=0", "--force");
  expect(await running).toMatchObject({ status: 502, error: "instance_killed", instance: `fn-${pod}` });
  expect((await call()).status).toBe(200);
});

test("a container that exits in the middle of a call is said to have, though its pod stays", async () => {
  await warm();
  const answer = await call(NAME, "?exit=3");
  expect(answer).toMatchObject({ status: 502, error: "instance_exited" });
  expect(answer.text).toContain(`instance ${answer.instance} exited with code 3`);
  await waitFor("an answer again", async () => (await call()).status === 200, BUDGET);
});

test("what a function prints is in the log, once, with its instance", async () => {
  await warm();
  const texts = Array.from({ length: 5 }, (_, line) => `line-${line}`);
  const instances: (string | null)[] = [];
  for (const text of texts) instances.push((await call(NAME, `?print=${text}`)).instance);
  const mine = () => platform.logs.filter(({ msg }) => msg.startsWith("line-"));
  await waitFor("the lines", () => mine().length >= texts.length, BUDGET);
  const inOrder = mine().toSorted((one, other) => (one.msg < other.msg ? -1 : 1));
  expect(inOrder.map(({ msg, instance }) => [msg, instance])).toEqual(
    texts.map((text, line) => [text, instances[line]]),
  );
  expect(inOrder[0]).toMatchObject({
    org: ORG,
    function: NAME,
    revision: `${NAME}-00001`,
    level: "info",
    stream: "stdout",
  });
});

test("calls beyond an instance's limit are all answered, and bring more instances", async () => {
  await warm();
  const slow = `?get=${encodeURIComponent(`${gatewayUrl()}/slow`)}`;
  const answers = new Set<string>();
  const instances = new Set<string | null>();
  const keepCalling = async (): Promise<void> => {
    while (instances.size < 2) {
      const { status, text, instance } = await call(NAME, slow);
      answers.add(`${status} ${text}`);
      instances.add(instance);
    }
  };
  // An instance takes ten at once.
  await Promise.all(Array.from({ length: 25 }, keepCalling));
  expect([...answers]).toEqual(["200 at last"]);
});

test("after a scale to zero nobody is sent to a pod that is about to end, and the next call is cold again", async () => {
  await warm();
  await scaledToZero();
  const answer = await call();
  expect(answer.status).toBe(200);
  expect(answer.coldStart).not.toBeNull();
});

// Last of those that need the gateway: for seconds after it, names may still lead to the address that the Service had.
test("a pod reaches the gateway by its Service, which comes back when somebody deletes it", async () => {
  const through = async (): Promise<boolean> =>
    (await call(NAME, `?get=${encodeURIComponent(`${gatewayUrl()}/`)}`)).text === "the gateway";
  await waitFor("the gateway from a pod", through, BUDGET);
  const service = ["service", "hanzo-fn-gateway", "-n", "hanzo"];
  const uid = (): Promise<string> =>
    cluster.kubectl(["get", ...service, "-o", "jsonpath={.metadata.uid}", "--ignore-not-found"]);
  const before = await uid();
  await cluster.kubectl(["delete", ...service]);
  await waitFor(
    "another Service",
    async () => {
      const now = await uid();
      return now !== "" && now !== before;
    },
    BUDGET,
  );
  await waitFor("the gateway again", through, BUDGET);
});

test("a deleted function is forgotten, and its calls are refused", async () => {
  await kubectl("delete", "ksvc", EXACT, "--wait");
  await waitFor("the revision to go", () => !platform.instances.knows(`${NAMESPACE}/${EXACT}-00001`), BUDGET);
  expect(await call(EXACT)).toMatchObject({ status: 503, error: "no_capacity" });
});

test("calls go on while the API server is away, and what they print then is in the log afterwards, once", async (ctx) => {
  const { daemons } = cluster;
  if (daemons === undefined) return ctx.skip("only a cluster of ours has daemons that can be stopped");
  await warm();
  await call(NAME, "?print=break-before");
  const printed = (): string[] =>
    platform.logs.map(({ msg }) => msg).filter((msg) => msg.startsWith("break-"));
  await waitFor("the line before", () => printed().length === 1, BUDGET);
  await daemons.stop("kube-apiserver");
  try {
    expect(await call(NAME, "?print=break-within")).toMatchObject({ status: 200 });
  } finally {
    await waitFor(
      "the API server",
      async () => {
        // At once its port may still be the killed one's, and it ends again.
        await daemons.start("kube-apiserver").catch(() => undefined);
        return cluster.kubectl(["get", "namespace", NAMESPACE]).then(Boolean, () => false);
      },
      { timeoutMs: 60_000, everyMs: 1000 },
    );
  }
  expect((await call()).status).toBe(200);
  await waitFor("the line within", () => printed().includes("break-within"), BUDGET);
  expect(printed()).toEqual(["break-before", "break-within"]);
});
