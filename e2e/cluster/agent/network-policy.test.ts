import { expect, test } from "vitest";
import { rulesOf, worldOf, type Pod } from "./enforcer.ts";
import { type Endpoint, isolate, type NetworkPolicy, type World } from "./network-policy.ts";

const endpoint = (
  ip: string,
  namespace: string,
  labels: Record<string, string> = {},
  port = 8080,
): Endpoint => ({
  ip,
  namespace,
  labels,
  ports: [{ name: "web", protocol: "TCP", port }],
});

const server = endpoint("10.0.0.1", "home", { app: "server" });
const friend = endpoint("10.0.0.2", "home", { app: "friend" }, 9000);
const stranger = endpoint("10.0.0.3", "away", { app: "stranger" });

function world(...specs: NetworkPolicy["spec"][]): World {
  const policies = specs.map((spec, at) => ({ metadata: { name: `p${at}`, namespace: "home" }, spec }));
  const namespaces = new Map([
    ["home", { team: "ours" }],
    ["away", { team: "theirs" }],
  ]);
  return { policies, endpoints: [server, friend, stranger], namespaces };
}

const onServer = { podSelector: { matchLabels: { app: "server" } } };

test("without a policy nothing is isolated, and the rules refuse nothing", () => {
  const none = world();
  expect(isolate(none, "ingress")).toEqual({ pods: [], allow: [] });
  expect(rulesOf(none)).not.toContain("reject");
});

test("an empty selector without rules isolates every pod of its namespace, and none of another", () => {
  const found = isolate(world({ podSelector: {} }), "ingress");
  expect(found).toEqual({ pods: [server.ip, friend.ip], allow: [] });
});

test("a policy without types is one of ingress, and of egress only where it has rules of egress", () => {
  expect(isolate(world({ ...onServer }), "egress").pods).toEqual([]);
  expect(isolate(world({ ...onServer, egress: [{}] }), "egress").pods).toEqual([server.ip]);
  expect(isolate(world({ ...onServer, policyTypes: ["Egress"] }), "ingress").pods).toEqual([]);
});

test("a selector of pods means those of the policy's own namespace, one of namespaces all pods there, both both", () => {
  const peers = (from: object): unknown =>
    isolate(world({ ...onServer, ingress: [{ from: [from] }] }), "ingress").allow.map(({ peers }) => peers);
  expect(peers({ podSelector: {} })).toEqual([[server.ip, friend.ip]]);
  expect(peers({ namespaceSelector: { matchLabels: { team: "theirs" } } })).toEqual([[stranger.ip]]);
  expect(peers({ namespaceSelector: {}, podSelector: { matchLabels: { app: "stranger" } } })).toEqual([
    [stranger.ip],
  ]);
});

test("a rule whose peers select nobody lets nobody in, unlike a rule without peers", () => {
  const nobody = [{ podSelector: { matchLabels: { app: "nobody" } } }];
  expect(isolate(world({ ...onServer, ingress: [{ from: nobody }] }), "ingress").allow).toEqual([]);
  expect(isolate(world({ ...onServer, ingress: [{}] }), "ingress").allow).toEqual([{ pods: [server.ip] }]);
});

test("a named port is looked up in the pod that is called", () => {
  const web = [{ port: "web" }];
  const into = isolate(world({ podSelector: {}, ingress: [{ ports: web }] }), "ingress").allow;
  expect(into.map(({ pods, port }) => [pods, port?.range])).toEqual([
    [[server.ip], "8080"],
    [[friend.ip], "9000"],
  ]);
  const out = isolate(
    world({ ...onServer, egress: [{ to: [{ podSelector: {} }], ports: web }] }),
    "egress",
  ).allow;
  expect(out.map(({ pods, peers, port }) => [pods, peers, port?.range])).toEqual([
    [[server.ip], [server.ip], "8080"],
    [[server.ip], [friend.ip], "9000"],
  ]);
});

test("rules name the own side, the peers with their exceptions and the ports, and end in a refusal", () => {
  const ipBlock = { cidr: "198.18.0.0/15", except: ["198.18.0.1/32", "198.19.0.0/20"] };
  const ports = [{ port: 8000, endPort: 8100 }, { protocol: "UDP", port: 53 }, { protocol: "UDP" }];
  const rules = rulesOf(
    world({ ...onServer, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock }], ports }] }),
  );
  const block = "ip daddr { 198.18.0.0/15 } ip daddr != 198.18.0.1/32 ip daddr != 198.19.0.0/20";
  expect(rules).toContain(
    [
      "  chain egress {",
      "    ip saddr != { 10.0.0.1 } return",
      `    ip saddr { 10.0.0.1 } ${block} tcp dport 8000-8100 return`,
      `    ip saddr { 10.0.0.1 } ${block} udp dport 53 return`,
      `    ip saddr { 10.0.0.1 } ${block} meta l4proto udp return`,
      "    counter reject with icmp admin-prohibited",
      "  }",
    ].join("\n"),
  );
});

test("a pod on the node's network, one without an address and one that ended concern no policy", () => {
  const of = (status: object, spec: object = {}): Pod =>
    ({ metadata: { name: "p", namespace: "home" }, spec: { containers: [], ...spec }, status }) as Pod;
  const pods = [
    of({ podIP: "10.0.0.1" }, { hostNetwork: true }),
    of({}),
    of({ podIP: "10.0.0.2", phase: "Succeeded" }),
    of({ podIP: "10.0.0.3", phase: "Running" }),
  ];
  expect(worldOf(pods, [], [], []).endpoints.map(({ ip }) => ip)).toEqual(["10.0.0.3"]);
});
