import type { ApiClient, KubeObject } from "../api-client.ts";
import { type Endpoint, type NetworkPolicy, type World, isolate } from "./network-policy.ts";
import { ruleset } from "./nft.ts";

export interface Pod extends KubeObject {
  readonly spec: {
    readonly hostNetwork?: boolean;
    readonly containers: ReadonlyArray<{
      readonly ports?: ReadonlyArray<{
        readonly name?: string;
        readonly protocol?: string;
        readonly containerPort: number;
      }>;
    }>;
  };
  readonly status?: { readonly podIP?: string; readonly phase?: string };
}

interface Dependencies {
  readonly client: ApiClient;
  /** Puts rules in place of those before. */
  readonly load: (rules: string) => Promise<void>;
  readonly log: (line: string) => void;
}

/** Keeps the rules as the objects want them: each change leads to all rules anew, one load at a time. */
export function createEnforcer(
  { client, load, log }: Dependencies,
  standIns: readonly Endpoint[],
): { run(signal: AbortSignal): Promise<void> } {
  const seen: {
    pods?: ReadonlyMap<string, Pod>;
    namespaces?: ReadonlyMap<string, KubeObject>;
    policies?: ReadonlyMap<string, NetworkPolicy>;
  } = {};
  let loaded = "";
  let running = false;
  let again = false;

  const settle = async (): Promise<void> => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      const { pods, namespaces, policies } = seen;
      // A rule made of half of the objects would let too much through, or too little.
      if (pods === undefined || namespaces === undefined || policies === undefined) break;
      const rules = rulesOf(
        worldOf([...pods.values()], [...namespaces.values()], [...policies.values()], standIns),
      );
      if (rules === loaded) continue;
      const why = await load(rules).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (why === undefined) loaded = rules;
      log(
        why === undefined ? `rules for ${policies.size} policies` : `nft refused the rules: ${why}\n${rules}`,
      );
    }
    running = false;
  };

  return {
    async run(signal) {
      const follow = <T extends KubeObject>(path: string, keep: (found: ReadonlyMap<string, T>) => void) =>
        client.watch<T>(
          path,
          (found) => {
            keep(found);
            void settle();
          },
          signal,
        );
      await Promise.all([
        follow<Pod>("/api/v1/pods", (found) => (seen.pods = found)),
        follow<KubeObject>("/api/v1/namespaces", (found) => (seen.namespaces = found)),
        follow<NetworkPolicy>(
          "/apis/networking.k8s.io/v1/networkpolicies",
          (found) => (seen.policies = found),
        ),
      ]);
    },
  };
}

export const rulesOf = (world: World): string => ruleset(isolate(world, "ingress"), isolate(world, "egress"));

export function worldOf(
  pods: readonly Pod[],
  namespaces: readonly KubeObject[],
  policies: readonly NetworkPolicy[],
  standIns: readonly Endpoint[],
): World {
  return {
    policies,
    endpoints: [...pods.flatMap(endpointOf), ...standIns],
    namespaces: new Map(namespaces.map(({ metadata }) => [metadata.name, metadata.labels ?? {}])),
  };
}

/** Policies concern neither pods on the node's own network, nor those whose address is already another's. */
function endpointOf({ metadata, spec, status }: Pod): Endpoint[] {
  const ended = status?.phase === "Succeeded" || status?.phase === "Failed";
  if (status?.podIP === undefined || spec.hostNetwork === true || ended) return [];
  const ports = spec.containers.flatMap((container) => container.ports ?? []);
  return [
    {
      namespace: metadata.namespace ?? "",
      labels: metadata.labels ?? {},
      ip: status.podIP,
      ports: ports.map(({ name = "", protocol = "TCP", containerPort }) => ({
        name,
        protocol,
        port: containerPort,
      })),
    },
  ];
}
