import { connect } from "node:net";
import { waitFor } from "@hanzo-fn/testkit";
import { beforeAll, expect, test } from "vitest";
import type { Cluster } from "./open.ts";
import { BOOT_MS, helloImage, pod, testCluster } from "./test-support.ts";

/** One namespace with a server and a friend of it, another with a stranger. */
const HOME = "policy-home";
const AWAY = "policy-away";
const BUDGET = { timeoutMs: 30_000, everyMs: 100 };

let cluster: Cluster;
const addresses = new Map<string, string>();

beforeAll(async () => {
  cluster = await testCluster();
  await cluster.kubectl(["delete", "namespace", HOME, AWAY, "--ignore-not-found", "--wait"]);
  const image = await helloImage(cluster);
  const namespace = (name: string): object => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } });
  await cluster.apply(namespace(HOME), namespace(AWAY));
  const account = (name: string) => async (): Promise<boolean> =>
    (await cluster.kubectl(["-n", name, "get", "serviceaccount", "default", "--ignore-not-found"])) !== "";
  for (const name of [HOME, AWAY]) await waitFor(`the account of ${name}`, account(name), BUDGET);
  await cluster.apply(pod("server", HOME, image), pod("friend", HOME, image), pod("stranger", AWAY, image));
  for (const [name, home] of [
    ["server", HOME],
    ["friend", HOME],
    ["stranger", AWAY],
  ] as const) {
    await cluster.kubectl(["-n", home, "wait", "--for=condition=Ready", `pod/${name}`, "--timeout=60s"]);
    const path = "jsonpath={.status.podIP}";
    addresses.set(name, await cluster.kubectl(["-n", home, "get", "pod", name, "-o", path]));
  }
}, BOOT_MS);

const of = (name: string): string => addresses.get(name) ?? "";

/** Status of a request that one pod makes; 502 where it cannot connect. */
async function asks(from: string, url: string): Promise<number> {
  return (await fetch(`http://${of(from)}:8080/?get=${encodeURIComponent(url)}`)).status;
}

/** Whether this machine can open a connection to the server: one that is open already is let live. */
function reachesServer(): Promise<boolean> {
  const socket = connect({ host: of("server"), port: 8080 });
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

const server = (): string => `http://${of("server")}:8080/`;

async function settled(what: string, ask: () => Promise<number>, status: number): Promise<void> {
  await waitFor(what, async () => (await ask().catch(() => 502)) === status, BUDGET);
}

function policy(name: string, namespace: string, spec: object): object {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace }, spec };
}

test("without a policy everybody reaches the server; with one, only those whom it lets in; and again everybody without", async () => {
  expect(await asks("friend", server())).toBe(200);
  expect(await asks("stranger", server())).toBe(200);
  expect(await reachesServer()).toBe(true);
  const from = [{ podSelector: { matchLabels: { app: "friend" } } }];
  const ingress = [{ from, ports: [{ port: "web" }] }];
  await cluster.apply(
    policy("only-friends", HOME, { podSelector: { matchLabels: { app: "server" } }, ingress }),
  );
  await settled("the stranger is refused", () => asks("stranger", server()), 502);
  expect(await asks("friend", server())).toBe(200);
  expect(await reachesServer()).toBe(false);
  await cluster.kubectl(["-n", HOME, "delete", "networkpolicy", "only-friends"]);
  await settled("the stranger is let in again", () => asks("stranger", server()), 200);
});

test("a policy of egress keeps a pod from other pods, the API server and this machine, but for what it names", async () => {
  const api = "http://kubernetes.default.svc.cluster.local:443/";
  // The API server answers plain HTTP with 400.
  expect(await asks("stranger", api)).toBe(400);
  const egress = [
    {
      to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } }],
      ports: [{ port: 53, protocol: "UDP" }],
    },
    {
      to: [
        {
          namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": HOME } },
          podSelector: { matchLabels: { app: "server" } },
        },
      ],
    },
  ];
  const spec = { podSelector: {}, policyTypes: ["Egress"], egress };
  await cluster.apply(policy("to-the-server", AWAY, spec));
  await settled("the API server is out of reach", () => asks("stranger", api), 502);
  expect(await asks("stranger", server())).toBe(200);
  expect(await asks("stranger", `http://${of("friend")}:8080/`)).toBe(502);
  expect(await asks("stranger", `http://${cluster.registry.inside}/v2/`)).toBe(502);
  await cluster.kubectl(["-n", AWAY, "delete", "networkpolicy", "to-the-server"]);
  await settled("everything is in reach again", () => asks("stranger", api), 400);
});
