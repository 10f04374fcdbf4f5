import { resolve } from "node:path";
import type { Publishers } from "@hanzo-fn/brokers";
import type { Config } from "@hanzo-fn/contract";
import {
  createEmbeddedKv,
  createGateway,
  createModels,
  createModelSources,
  createSignedObjects,
  createStorage,
  type GatewayParts,
  type GatewayPlane,
  type Kv,
  openModelTrees,
} from "@hanzo-fn/gateway";
import type { Clock } from "@hanzo-fn/lifecycle";
import { exportGraphs } from "@hanzo-fn/models";
import type { Store } from "@hanzo-fn/store";
import type { Registry } from "@hanzo-fn/telemetry";
import { keptSecret } from "./kept-secret.ts";
import { openObjects } from "./objects.ts";
import type { Parts } from "./parts.ts";

const KV_TIMEOUT_MS = 5000;
/** How long a new organisation's bucket may still pass for that of one whose name begins it. */
const ORGANISATIONS_KEPT_MS = 10_000;

async function openKv({ config, store, clock, log }: Parts): Promise<Kv> {
  const { url, maxBytesPerFunction } = config.kv;
  if (url === undefined) {
    // The other half is the control plane's.
    const maxConnections = Math.max(1, Math.floor(config.database.maxConnections / 2));
    return createEmbeddedKv(store.kv, { maxBytesPerFunction, maxConnections });
  }
  // Loaded only where it is used: it would make every start longer.
  const { openValkeyKv } = await import("@hanzo-fn/gateway/valkey");
  return openValkeyKv({ clock, log }, { url, timeoutMs: KV_TIMEOUT_MS });
}

function organisationsOf(store: Store, clock: Clock): () => Promise<ReadonlySet<string>> {
  let known: { readonly atMs: number; readonly all: Promise<ReadonlySet<string>> } | undefined;
  return () => {
    if (known === undefined || clock.monotonic() - known.atMs > ORGANISATIONS_KEPT_MS) {
      const all = store.functions.organisations().then((organisations) => new Set(organisations));
      known = { atMs: clock.monotonic(), all };
      all.catch(() => (known = undefined));
    }
    return known.all;
  };
}

function storageRules({ storage }: Config, parts: Parts, endpoints: () => readonly string[]) {
  return {
    bucket: storage.bucket,
    endpoints,
    organisations: organisationsOf(parts.store, parts.clock),
    makesBuckets: storage.url === undefined,
  };
}

export interface GatewayAndObjects {
  readonly gateway: GatewayPlane;
  /** Serves signed URLs to objects on the disk. */
  readonly signedObject: ReturnType<typeof createSignedObjects> | undefined;
}

type Exists = NonNullable<GatewayParts["revisions"]>["exists"];
type IsForeign = (org: string, address: string) => boolean;

export interface GatewayPlaces {
  readonly publishers: Publishers;
  readonly registry: Registry;
  readonly runDir: string;
  readonly apiUrl: () => string;
  /** Whether the address is known to be that of another organisation's instance. */
  readonly isForeign: IsForeign;
}

/** In a cluster instances come over the network, with tokens of their revisions. */
async function clusterAccess({ config, store, clock }: Parts, isForeign: IsForeign) {
  // Loaded only where it is used, as above.
  const { revisionNumber } = await import("@hanzo-fn/engine/knative");
  const { platformAddresses, gatewayPort } = config.knative;
  const key = await keptSecret(store, "revision-tokens", clock);
  const exists: Exists = async ({ org, function: fn, revision, createdAtMs }) => {
    const number = revisionNumber(fn, revision);
    const row = number === undefined ? undefined : await store.revisions.get(org, fn, number);
    return row?.createdAt.getTime() === createdAtMs;
  };
  const host = platformAddresses.some((address) => address.includes(":")) ? "::" : "0.0.0.0";
  // A listener on both families shows IPv4 addresses as IPv6.
  const revisions = {
    key,
    exists,
    isForeign: (org: string, from: string) => isForeign(org, from.replace(/^::ffff:/, "")),
  };
  return { revisions, server: { host, port: gatewayPort } };
}

/** The gateway of functions' services, with what is configured behind it. */
export async function openGateway(parts: Parts, places: GatewayPlaces): Promise<GatewayAndObjects> {
  const { config, dir, store, clock, log } = parts;
  const { objects, signer, endpoints } = await openObjects(config, {
    dir,
    store,
    clock,
    log,
    baseUrl: places.apiUrl,
  });
  const trees = await openModelTrees(dir.models, exportGraphs);
  const inCluster = parts.engine === "knative" ? await clusterAccess(parts, places.isForeign) : undefined;
  const gateway = createGateway(
    {
      kv: await openKv(parts),
      storage: createStorage(objects, storageRules(config, parts, endpoints)),
      publishers: places.publishers,
      models: createModels(
        trees,
        createModelSources(objects, config.models.path && resolve(config.models.path)),
      ),
      revisions: inCluster?.revisions,
      registry: places.registry,
      clock,
      log,
    },
    {
      runDir: places.runDir,
      forOthers: process.getuid?.() === 0,
      port: config.gateway.port,
      ...inCluster?.server,
    },
  );
  return { gateway, signedObject: signer && createSignedObjects({ objects, signer, clock }) };
}
