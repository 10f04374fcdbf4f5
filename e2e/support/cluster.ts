/** Where a test's platform puts its functions when the tests run on a cluster (`npm run e2e -- --engine knative`). */
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { parse } from "yaml";
import type { Cluster } from "../cluster/open.ts";
import { testCluster } from "../cluster/test-support.ts";

export const IMAGES = fileURLToPath(new URL("../../.cache/images", import.meta.url));
/** As the test cluster's `config-domain` says. */
const DOMAIN = "fn.example.test";

const PREFIX = "e2e-";

/** Resolves when the namespaces of platforms that ended are gone. */
export async function removedNamespaces({ kubectl }: Cluster): Promise<void> {
  const path = '{range .items[?(@.status.phase=="Terminating")]}{.metadata.name} {end}';
  const leaving = (await kubectl(["get", "namespaces", "-o", `jsonpath=${path}`])).split(" ");
  const ours = leaving.filter((name) => name.startsWith(PREFIX)).map((name) => `namespace/${name}`);
  if (ours.length > 0) await kubectl(["wait", "--for=delete", ...ours, "--timeout=150s"]);
}

/** Disposing of it removes the namespaces; what waits for their end is `removedNamespaces`. */
export interface ClusterPlace extends AsyncDisposable {
  readonly cluster: Cluster;
  /** Of the home organisation's functions; other organisations' begin with it and a hyphen. */
  readonly namespace: string;
  /** Of the platform's own objects. */
  readonly platformNamespace: string;
  /** Function images lie below it. */
  readonly registry: string;
  /** The configuration that a test gave, on this cluster. */
  configure(given: string, gatewayPort: number): string;
  /** Names of the namespaces that the platform made, and that are still there. */
  namespaces(): Promise<string[]>;
}

type Sections = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export function onCluster(): boolean {
  return process.env["HANZO_E2E_ENGINE"] === "knative";
}

/** Undefined where the tests run on the local engine. One data directory has one place, also after a restart. */
export async function placeOnCluster(dataDir: string): Promise<ClusterPlace | undefined> {
  if (!onCluster()) return undefined;
  const cluster = await testCluster();
  const id = createHash("sha256").update(dataDir).digest("hex").slice(0, 10);
  const namespace = `${PREFIX}${id}`;
  const platformNamespace = `${PREFIX}platform-${id}`;
  const registry = `${cluster.registry.inside}/${namespace}`;
  const namespaces = async (): Promise<string[]> => {
    const listed = await cluster.kubectl(["get", "namespaces", "-o", "jsonpath={.items[*].metadata.name}"]);
    const isOurs = (name: string): boolean =>
      name === namespace || name === platformNamespace || name.startsWith(`${namespace}-`);
    return listed.split(" ").filter(isOurs);
  };
  return {
    cluster,
    namespace,
    platformNamespace,
    registry,
    configure(given, gatewayPort) {
      const sections = (parse(given) ?? {}) as Sections;
      const images = { registry, registry_url: cluster.registry.outside, layout: IMAGES };
      const knative = {
        kubeconfig: cluster.kubeconfig,
        namespace,
        platform_namespace: platformNamespace,
        domain: DOMAIN,
        // Platforms side by side leave each other's ingresses alone.
        ingress_class: `${namespace}.ingress.networking.knative.dev`,
        platform_addresses: [cluster.hostAddress],
        gateway_port: gatewayPort,
      };
      return JSON.stringify({
        ...sections,
        engine: "knative",
        images: { ...images, ...sections["images"] },
        knative: { ...knative, ...sections["knative"] },
      });
    },
    namespaces,
    async [Symbol.asyncDispose]() {
      const names = await namespaces();
      if (names.length === 0) return;
      await cluster.kubectl(["delete", "namespace", ...names, "--wait=false"]);
      // Nobody calls them any more: Knative's pods would otherwise take their grace of half a minute.
      for (const name of names)
        await cluster.kubectl(["delete", "pods", "--all", "-n", name, "--grace-period=1", "--wait=false"]);
    },
  };
}
