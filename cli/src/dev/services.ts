import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { openDiskObjects } from "@hanzo-fn/blobs";
import { createKafkaPublisher, createNatsPublisher, type Message, type Publisher } from "@hanzo-fn/brokers";
import type { PlatformError } from "@hanzo-fn/contract";
import {
  createGateway,
  createMemoryKv,
  createModels,
  createModelSources,
  createStorage,
  type GatewayPlane,
  type Kv,
  type KvSnapshot,
  openModelTrees,
} from "@hanzo-fn/gateway";
import type { Clock } from "@hanzo-fn/lifecycle";
import { exportGraphs } from "@hanzo-fn/models";
import { createRegistry, silentLogger } from "@hanzo-fn/telemetry";
import type { RunPlace } from "./run-place.ts";

type Env = Readonly<Record<string, string | undefined>>;

export interface ServicesOptions {
  readonly place: RunPlace;
  /** Absolute; what functions keep on this machine: `.hanzo` in the source. */
  readonly folder: string;
  readonly cache: string;
  /** Directory with one directory per model. */
  readonly models: string | undefined;
  readonly env: Env;
}

export interface ServicesEvents {
  /** A message that goes nowhere, because no broker is configured. */
  readonly onPublished: (message: Message) => void;
  readonly onProblem: (error: PlatformError | Error) => void;
}

const SAVE_MS = 200;
const KV_TIMEOUT_MS = 5000;
const BUCKET = "hanzo-functions";

async function readSnapshot(file: string): Promise<KvSnapshot> {
  try {
    return JSON.parse(await readFile(file, "utf8")) as KvSnapshot;
  } catch {
    // None yet, or one that was cut off by a full disk: keys of a development machine are no loss.
    return [];
  }
}

/** `ctx.kv` in memory, written to a file a moment after every change and at the end. */
async function openFileKv(file: string, clock: Clock, onProblem: ServicesEvents["onProblem"]): Promise<Kv> {
  let timer: NodeJS.Timeout | undefined;
  let saved: Promise<void> = Promise.resolve();
  const save = (): void => {
    timer = undefined;
    saved = saved
      .then(async () => {
        await writeFile(`${file}.tmp`, JSON.stringify(kv.snapshot()));
        await rename(`${file}.tmp`, file);
      })
      .catch(onProblem);
  };
  const kv = createMemoryKv({
    now: () => clock.now(),
    snapshot: await readSnapshot(file),
    onChange: () => (timer ??= setTimeout(save, SAVE_MS)),
  });
  return {
    ...kv,
    async close() {
      if (timer !== undefined) {
        clearTimeout(timer);
        save();
      }
      await saved;
    },
  };
}

async function openKv(
  options: ServicesOptions,
  clock: Clock,
  onProblem: ServicesEvents["onProblem"],
): Promise<Kv> {
  const { env, folder } = options;
  const url = env["KV_URL"] || env["REDIS_URL"] || env["VALKEY_URL"];
  if (url === undefined || url === "") return openFileKv(join(folder, "kv.json"), clock, onProblem);
  const [{ openValkeyKv }, { Secret }] = await Promise.all([
    import("@hanzo-fn/gateway/valkey"),
    import("@hanzo-fn/contract"),
  ]);
  return openValkeyKv({ clock, log: silentLogger }, { url: new Secret(url), timeoutMs: KV_TIMEOUT_MS });
}

/** Shows what is published, in the place of a broker. */
function showingPublisher(onPublished: ServicesEvents["onPublished"]): Publisher {
  return {
    publish(message) {
      onPublished(message);
      return Promise.resolve({ place: "hanzo-fn dev", duplicate: false });
    },
    close: () => Promise.resolve(),
  };
}

function openPublishers(env: Env, clock: Clock, onPublished: ServicesEvents["onPublished"]) {
  const nats = env["NATS_URL"];
  const kafka = (env["KAFKA_BROKERS"] ?? "").split(",").filter((broker) => broker !== "");
  const shown = showingPublisher(onPublished);
  return {
    nats: nats ? createNatsPublisher({ clock }, { servers: [nats], name: "hanzo-fn dev" }) : shown,
    kafka:
      kafka.length > 0
        ? createKafkaPublisher({ clock }, { brokers: kafka, clientId: "hanzo-fn-dev" })
        : shown,
  };
}

/**
 * The gateway of `ctx.kv`, `ctx.storage`, `ctx.publish` and `ctx.model` with what a development machine has: keys in a
 * file (or `KV_URL`), objects on the disk, messages shown (or `NATS_URL`, `KAFKA_BROKERS`), models in a directory.
 */
export async function openServices(
  options: ServicesOptions,
  events: ServicesEvents,
  clock: Clock,
): Promise<GatewayPlane> {
  const { place, folder, cache, models, env } = options;
  const [kv, objects, trees] = await Promise.all([
    openKv(options, clock, events.onProblem),
    openDiskObjects({ clock }, { directory: join(folder, "storage") }),
    openModelTrees(join(cache, "models"), exportGraphs),
  ]);
  const rules = {
    bucket: BUCKET,
    endpoints: () => [],
    organisations: () => Promise.resolve(new Set<string>()),
    makesBuckets: true,
  };
  return createGateway(
    {
      kv,
      storage: createStorage(objects, rules),
      publishers: openPublishers(env, clock, events.onPublished),
      models: createModels(trees, createModelSources(objects, models)),
      registry: createRegistry("hanzo_fn_dev"),
      clock,
      log: silentLogger,
    },
    { runDir: place.dir, forOthers: false },
  );
}
