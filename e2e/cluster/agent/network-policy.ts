import type { KubeObject } from "../api-client.ts";
import { type LabelSelector, selects } from "./selectors.ts";

export interface PolicyPort {
  readonly protocol?: string;
  /** A number, or the name of a container's port. Absent: every port. */
  readonly port?: number | string;
  readonly endPort?: number;
}

export interface PolicyPeer {
  readonly podSelector?: LabelSelector;
  readonly namespaceSelector?: LabelSelector;
  readonly ipBlock?: { readonly cidr: string; readonly except?: readonly string[] };
}

export interface NetworkPolicy extends KubeObject {
  readonly spec: {
    readonly podSelector?: LabelSelector;
    readonly policyTypes?: readonly string[];
    readonly ingress?: ReadonlyArray<{
      readonly from?: readonly PolicyPeer[];
      readonly ports?: readonly PolicyPort[];
    }>;
    readonly egress?: ReadonlyArray<{
      readonly to?: readonly PolicyPeer[];
      readonly ports?: readonly PolicyPort[];
    }>;
  };
}

/** A pod that has an address, or a part of the platform that stands for one. */
export interface Endpoint {
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string;
  readonly ports: ReadonlyArray<{ readonly name: string; readonly protocol: string; readonly port: number }>;
}

export interface World {
  readonly policies: readonly NetworkPolicy[];
  readonly endpoints: readonly Endpoint[];
  /** Labels by name. */
  readonly namespaces: ReadonlyMap<string, Readonly<Record<string, string>>>;
}

export type Direction = "ingress" | "egress";

/** Traffic that is let through: all of the conditions that are given hold. */
export interface Allow {
  readonly pods: readonly string[];
  /** The other side; undefined: anybody. */
  readonly peers?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
  /** Undefined: every protocol and port. */
  readonly port?: { readonly protocol: string; readonly range?: string | undefined } | undefined;
}

/** What is refused unless one of `allow` lets it through. */
export interface Isolation {
  readonly pods: readonly string[];
  readonly allow: readonly Allow[];
}

/** The meaning of all policies for one direction. A policy without types is one of ingress, and of egress if it has rules. */
export function isolate(world: World, direction: Direction): Isolation {
  const pods = new Set<string>();
  const allow: Allow[] = [];
  for (const policy of world.policies) {
    if (!applies(policy, direction)) continue;
    const selected = selectedBy(world, policy);
    for (const pod of selected) pods.add(pod.ip);
    if (selected.length > 0) allow.push(...allowedBy(world, policy, direction, selected));
  }
  return { pods: [...pods].toSorted(), allow };
}

function applies({ spec }: NetworkPolicy, direction: Direction): boolean {
  const types = spec.policyTypes?.map((type) => type.toLowerCase());
  return types?.includes(direction) ?? (direction === "ingress" || spec.egress !== undefined);
}

function selectedBy(world: World, { metadata, spec }: NetworkPolicy): readonly Endpoint[] {
  return world.endpoints.filter(
    ({ namespace, labels }) => namespace === metadata.namespace && selects(spec.podSelector ?? {}, labels),
  );
}

interface Side {
  readonly peers?: readonly string[] | undefined;
  readonly except?: readonly string[] | undefined;
  /** Where a named port is looked up when the side is the destination. */
  readonly endpoints: readonly Endpoint[];
}

function allowedBy(
  world: World,
  policy: NetworkPolicy,
  direction: Direction,
  selected: readonly Endpoint[],
): Allow[] {
  const { spec } = policy;
  const rules =
    direction === "ingress"
      ? (spec.ingress ?? []).map(({ from, ports }) => ({ sides: from, ports }))
      : (spec.egress ?? []).map(({ to, ports }) => ({ sides: to, ports }));
  return rules.flatMap(({ sides = [], ports = [] }) => {
    const found: Side[] =
      sides.length === 0
        ? [{ endpoints: world.endpoints }]
        : sides.map((side) => peersOf(world, side, policy.metadata.namespace ?? ""));
    return found
      .filter(({ peers }) => peers === undefined || peers.length > 0)
      .flatMap((side) => withPorts(ports, side, direction, selected));
  });
}

function peersOf(world: World, peer: PolicyPeer, namespace: string): Side {
  if (peer.ipBlock !== undefined) {
    const v4 = (cidrs: readonly string[]): string[] => cidrs.filter((cidr) => !cidr.includes(":"));
    return {
      peers: v4([peer.ipBlock.cidr]),
      except: v4(peer.ipBlock.except ?? []),
      endpoints: world.endpoints,
    };
  }
  const { namespaceSelector, podSelector = {} } = peer;
  const endpoints = world.endpoints.filter((endpoint) => {
    const here =
      namespaceSelector === undefined
        ? endpoint.namespace === namespace
        : selects(namespaceSelector, world.namespaces.get(endpoint.namespace) ?? {});
    return here && selects(podSelector, endpoint.labels);
  });
  return { peers: endpoints.map(({ ip }) => ip), endpoints };
}

function withPorts(
  ports: readonly PolicyPort[],
  { peers, except, endpoints }: Side,
  direction: Direction,
  selected: readonly Endpoint[],
): Allow[] {
  const pods = selected.map(({ ip }) => ip);
  const base = { pods, peers, except: except?.length ? except : undefined };
  if (ports.length === 0) return [base];
  return ports.flatMap(({ protocol = "TCP", port, endPort }) => {
    if (typeof port !== "string") {
      const range = port === undefined || endPort === undefined ? port?.toString() : `${port}-${endPort}`;
      return [{ ...base, port: { protocol: protocol.toLowerCase(), range } }];
    }
    const targets = direction === "ingress" ? selected : endpoints;
    return named(targets, port, protocol).map(({ ip, number }) => ({
      ...base,
      ...(direction === "ingress" ? { pods: [ip] } : { peers: [ip] }),
      port: { protocol: protocol.toLowerCase(), range: String(number) },
    }));
  });
}

/** A name may be another number in each pod. */
function named(
  targets: readonly Endpoint[],
  name: string,
  protocol: string,
): { ip: string; number: number }[] {
  return targets.flatMap(({ ip, ports }) =>
    ports
      .filter((port) => port.name === name && port.protocol === protocol)
      .map(({ port }) => ({ ip, number: port })),
  );
}
