import { homedir } from "node:os";
import { join } from "node:path";
import type { Gateway } from "@hanzo-fn/engine";
import {
  createKnativeDeployer,
  createKnativeIngress,
  createKnativeInstances,
  createPlatformServices,
  createPodLogs,
  type GatewayTokens,
  knativeSettings,
  type KnativeSettings,
} from "@hanzo-fn/engine/knative";
import { openImages, type SourceReference } from "@hanzo-fn/images";
import { createKubernetes } from "@hanzo-fn/kubernetes";
import type { Service } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import { openBuilds } from "./builds.ts";
import { clusterAccess } from "./cluster-access.ts";
import type { EngineDeps, ServedEngine } from "./engine.ts";
import type { Parts } from "./parts.ts";

const NO_ADDRESSES =
  "knative.platform_addresses is empty: functions in the cluster cannot reach ctx.kv, ctx.storage, ctx.publish and " +
  "ctx.model, and nobody in the cluster reaches functions through this platform";

/** The record decides which tokens are good, so none has to be revoked. */
function gatewayTokens({ revisionToken }: Gateway): GatewayTokens | undefined {
  if (revisionToken === undefined) return undefined;
  return {
    issue: ({ ref, createdAtMs = 0 }) =>
      revisionToken({ org: ref.org, function: ref.function, revision: ref.name, createdAtMs }),
    revoke: () => {},
  };
}

async function referencesOf(store: Store): Promise<SourceReference[]> {
  const references = [];
  for await (const { revisions } of store.loadAll()) references.push(...revisions);
  return references;
}

function warningsOf({ platformAddresses }: KnativeSettings): string[] {
  return platformAddresses.length === 0 ? [NO_ADDRESSES] : [];
}

/** Functions as Knative Services in the cluster that the configuration names; source is built on this machine. */
export async function openKnativeEngine(
  parts: Parts,
  { logs, gateway }: EngineDeps,
  signal: AbortSignal,
): Promise<ServedEngine> {
  const { config, dir, store, secrets, clock, log } = parts;
  const { env } = process;
  const settings = knativeSettings(config);
  const kubernetes = createKubernetes({ config: await clusterAccess(config, env, clock), clock, log });
  const builds = await openBuilds(parts, logs, signal);
  const { prepare, keyOf } = builds;
  const folder = join(dir.root, "images");
  const images = await openImages(config, { prepare, keyOf, folder, env, home: homedir(), clock, log });
  const closing = new AbortController();

  const { queueDepth, queueTimeoutMs } = config.limits;
  const instances = createKnativeInstances(
    { kubernetes, clock, log },
    { ...settings, queueDepth, queueTimeoutMs },
  );
  const deployer = createKnativeDeployer(
    {
      kubernetes,
      publish: images.publish,
      resolveSecrets: secrets.resolve,
      gatewayTokens: gatewayTokens(gateway),
      clock,
      log,
    },
    settings,
    { registryCredentials: await images.pullCredentials(signal) },
  );
  const podLogs = createPodLogs({
    kubernetes,
    sink: logs,
    clock,
    log,
    lastLineMs: async (subject) => (await store.logLines.newestOf(subject))?.getTime(),
  });
  const ingress: Service[] =
    settings.ingress === "native"
      ? [createKnativeIngress({ kubernetes, revisions: instances, clock, log }, settings)]
      : [];
  return {
    kind: "knative",
    deployer,
    instances,
    services: [
      createPlatformServices({ kubernetes, clock, log }, settings),
      instances,
      ...ingress,
      podLogs,
      deployer,
    ],
    manifestOptions: { ...builds.manifestOptions, engine: "knative" },
    warnings: () => warningsOf(settings),
    unenforced: () => [],
    isForeign: instances.isForeign,
    async collect() {
      await builds.collect();
      await images.collect(await referencesOf(store), closing.signal);
    },
    async close() {
      closing.abort(new Error("the platform is stopping"));
      images.close();
      await builds.close();
      kubernetes.close();
    },
  };
}
