import type { Allow, Isolation } from "./network-policy.ts";

const TABLE = "table ip network-policy";

/**
 * The rules for `nft -f -`, which replaces the table in one step. Traffic to pods is seen by `forward` after
 * kube-proxy's translation, traffic of pods to the node by `input`; what the node itself sends to a pod is always let
 * through, as Kubernetes rules. Refused with an ICMP error, so that callers know at once.
 */
export function ruleset(ingress: Isolation, egress: Isolation): string {
  return [
    TABLE,
    `delete ${TABLE}`,
    `${TABLE} {`,
    chain("forward", [hook("forward"), "jump egress", "jump ingress"]),
    chain("input", [hook("input"), "jump egress"]),
    chain("egress", isolation(egress, "saddr", "daddr")),
    chain("ingress", isolation(ingress, "daddr", "saddr")),
    "}",
    "",
  ].join("\n");
}

type Side = "saddr" | "daddr";

const hook = (name: string): string =>
  `type filter hook ${name} priority 0; policy accept;\n    ct state established,related accept`;

const chain = (name: string, lines: readonly string[]): string =>
  [`  chain ${name} {`, ...lines.map((line) => `    ${line}`), "  }"].join("\n");

function isolation({ pods, allow }: Isolation, own: Side, other: Side): string[] {
  if (pods.length === 0) return [];
  return [
    `ip ${own} != ${set(pods)} return`,
    ...new Set(allow.map((one) => rule(one, own, other))),
    "counter reject with icmp admin-prohibited",
  ];
}

function rule({ pods, peers, except, port }: Allow, own: Side, other: Side): string {
  const parts = [`ip ${own} ${set(pods)}`];
  if (peers !== undefined && !peers.includes("0.0.0.0/0")) parts.push(`ip ${other} ${set(peers)}`);
  // One condition each: ranges of one set must not overlap.
  for (const range of except ?? []) parts.push(`ip ${other} != ${range}`);
  if (port !== undefined)
    parts.push(
      port.range === undefined ? `meta l4proto ${port.protocol}` : `${port.protocol} dport ${port.range}`,
    );
  return [...parts, "return"].join(" ");
}

const set = (members: readonly string[]): string => `{ ${[...new Set(members)].toSorted().join(", ")} }`;
