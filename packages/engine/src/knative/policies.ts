import { MANAGED_BY, FUNCTION_LABEL, functionLabels, organisationLabels } from "./labels.ts";
import { ownedBy, type KubeObject } from "./kube.ts";
import { namespaceOf, ownName } from "./names.ts";
import type { KnativeSettings } from "./settings.ts";
import type { FunctionWish } from "./wish.ts";

type Rule = Readonly<Record<string, unknown>>;

/** Knative's proxy in the pod: requests (HTTP/1.1, h2c, TLS), its figures, the users' figures. Never the function's own port. */
const QUEUE_PROXY_PORTS = [8012, 8013, 8112, 9090, 9091];
/** What no function reaches by a public origin: neighbours, nodes, the cloud's metadata, multicast. */
const PRIVATE_V4 = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.168.0.0/16",
  "198.18.0.0/15",
  "224.0.0.0/3",
];
const PRIVATE_V6 = ["::/128", "::1/128", "64:ff9b::/96", "fc00::/7", "fe80::/10", "ff00::/8"];

/** Kubernetes' NodeLocal DNSCache. */
const NODE_LOCAL_DNS = "169.254.20.10/32";

function tcp(ports: readonly number[]): Rule[] {
  return ports.map((port) => ({ protocol: "TCP", port }));
}

function cidr(address: string): string {
  return address.includes(":") ? `${address}/128` : `${address}/32`;
}

function blocks(addresses: readonly string[]): Rule[] {
  return [...addresses].sort().map((address) => ({ ipBlock: { cidr: cidr(address) } }));
}

function namespaceNamed(name: string): Rule {
  return { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": name } } };
}

function ingressRules(settings: KnativeSettings): Rule[] {
  const { systemNamespace, platformNamespace, platformAddresses } = settings;
  const from = [
    namespaceNamed(systemNamespace),
    namespaceNamed(platformNamespace),
    ...blocks(platformAddresses),
  ];
  return [{ from, ports: tcp(QUEUE_PROXY_PORTS) }];
}

/** DNS, the platform's services (HIP-60, Network Policies), and the gateway. */
function platformRules(settings: KnativeSettings): Rule[] {
  const { egress, platformAddresses, gatewayPort } = settings;
  const [key = "", value = ""] = egress.namespaceLabel.split("=");
  const services = { namespaceSelector: { matchLabels: { [key]: value } } };
  const dns = [
    { protocol: "UDP", port: 53 },
    { protocol: "TCP", port: 53 },
  ];
  const resolvers = [
    namespaceNamed("kube-system"),
    { ipBlock: { cidr: NODE_LOCAL_DNS } },
    ...blocks(platformAddresses),
  ];
  return [
    { to: resolvers, ports: dns },
    ...(egress.ports.length === 0 ? [] : [{ to: [services], ports: tcp(egress.ports) }]),
    ...(platformAddresses.length === 0 ? [] : [{ to: blocks(platformAddresses), ports: tcp([gatewayPort]) }]),
  ];
}

interface Origin {
  readonly host: string;
  readonly port: number;
}

function origin(text: string): Origin {
  const [, scheme, host = "", port] = /^(https?):\/\/([^:/]+)(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: port === undefined ? (scheme === "http" ? 80 : 443) : Number(port) };
}

function isAddress(host: string): boolean {
  return /^(\d{1,3}\.){3}\d{1,3}$/.test(host);
}

function ports(origins: readonly Origin[]): number[] {
  return [...new Set(origins.map(({ port }) => port))].sort((a, b) => a - b);
}

/** A policy cannot name hosts: origins that are addresses are opened exactly, the ports of the others to all public addresses. */
function externalRules(egress: readonly string[], settings: KnativeSettings): Rule[] {
  const origins = egress.map(origin);
  const exact = origins.filter(({ host }) => isAddress(host));
  const named = origins.filter(({ host }) => !isAddress(host));
  const rules = exact
    .toSorted((a, b) => (a.host < b.host ? -1 : a.host > b.host ? 1 : a.port - b.port))
    .map(({ host, port }): Rule => ({ to: blocks([host]), ports: tcp([port]) }));
  if (named.length === 0 || settings.egress.external === "none") return rules;
  const to = [
    { ipBlock: { cidr: "0.0.0.0/0", except: PRIVATE_V4 } },
    { ipBlock: { cidr: "::/0", except: PRIVATE_V6 } },
  ];
  return [...rules, { to, ports: tcp(ports(named)) }];
}

/** What of `network.egress` the cluster's policies cannot hold exactly, in words a user understands. */
export function egressWarnings(
  egress: readonly string[],
  settings: Pick<KnativeSettings, "egress">,
): string[] {
  const named = egress.filter((text) => !isAddress(origin(text).host));
  if (named.length === 0) return [];
  if (settings.egress.external === "none") {
    return [
      `network.egress: ${named.join(", ")} cannot be reached: this platform opens addresses, and no names (knative.egress.external: none)`,
    ];
  }
  const opened = ports(named.map(origin)).join(", ");
  return [
    `network.egress: hosts are not enforced, since network policies know no names; port ${opened} is open to all public addresses`,
  ];
}

/** Nothing in or out for whatever else is in the namespace, and for a pod whose function's policy is gone before it. */
export function defaultDeny(org: string, settings: KnativeSettings): KubeObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: {
      name: "hanzo-functions-default",
      namespace: namespaceOf(org, settings),
      labels: organisationLabels(org),
    },
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
  };
}

/** One function's pods: requests from the platform and Knative, calls to the platform's services and what it lists. */
export function functionPolicy(fn: FunctionWish, settings: KnativeSettings): KubeObject {
  return {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: {
      name: ownName(fn.function),
      namespace: namespaceOf(fn.org, settings),
      labels: functionLabels(fn.org, fn.function),
      ...ownedBy(fn.owner),
    },
    spec: {
      podSelector: { matchLabels: { ...MANAGED_BY, [FUNCTION_LABEL]: fn.function } },
      policyTypes: ["Ingress", "Egress"],
      ingress: ingressRules(settings),
      egress: [...platformRules(settings), ...externalRules(fn.egress, settings)],
    },
  };
}
