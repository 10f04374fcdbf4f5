import type { Blobs } from "@hanzo-fn/blobs";
import { type Authenticator, chosenEngine, type Config, PlatformError } from "@hanzo-fn/contract";
import { type Clock, systemClock } from "@hanzo-fn/lifecycle";
import { openStore, type Store } from "@hanzo-fn/store";
import { createLogger, type Logger } from "@hanzo-fn/telemetry";
import { VERSION } from "../version.ts";
import { type DataDir, makeDataDir } from "./data-dir.ts";
import { openIdentity } from "./identity.ts";
import { openBlobs } from "./objects.ts";
import { openSecrets, type Secrets } from "./secrets.ts";

/** What every plane of this process shares. */
export interface Parts {
  readonly config: Config;
  readonly engine: "local" | "knative";
  readonly clock: Clock;
  readonly log: Logger;
  readonly dir: DataDir;
  readonly store: Store;
  /** No other process uses the database: the embedded one belongs to the process that started it. */
  readonly alone: boolean;
  readonly blobs: Blobs;
  readonly secrets: Secrets;
  readonly authenticator: Authenticator;
  /** Set where the platform is its own issuer. */
  readonly adminKey: string | undefined;
}

function createPlatformLogger({ observability }: Config): Logger {
  return createLogger({
    level: observability.logLevel,
    service: "hanzo-fn",
    version: VERSION,
    env: observability.environment,
    write: (line) => void process.stdout.write(`${line}\n`),
  });
}

/** Instances and routes live in the process of the proxy, and deploys in that of the API. */
function requirePlanes({ planes }: Config): void {
  const missing = (["api", "proxy"] as const).find((plane) => !planes.includes(plane));
  if (missing === undefined) return;
  throw new PlatformError("unsupported", `this build needs the plane ${missing} in its process`, {
    component: "serve",
    next: "set planes to [api, proxy], with layer where it is wanted",
  });
}

/** Opens the database first: it holds the lock on the data directory. */
export async function openParts(config: Config, signal: AbortSignal): Promise<Parts> {
  requirePlanes(config);
  const clock = systemClock;
  const log = createPlatformLogger(config);
  const dir = await makeDataDir(config.dataDir);
  const { database, limits } = config;
  const store = await openStore({
    database:
      database.url === undefined ? { embedded: { dataDir: dir.root } } : { url: database.url.reveal() },
    maxConnections: database.maxConnections,
    maxLogBytesPerFunction: limits.logBytesPerFunction,
    log,
    clock,
    signal,
  });
  try {
    const blobs = await openBlobs(config, { dir, clock, signal });
    const secrets = openSecrets(config, dir, clock);
    const { authenticator, adminKey } = await openIdentity({ config, store, clock, log }, dir.adminKeyFile);
    const chosen = { engine: config.engine, registry: config.images.registry };
    const engine = chosenEngine(chosen, process.env);
    const alone = database.url === undefined;
    return { config, engine, clock, log, dir, store, alone, blobs, secrets, authenticator, adminKey };
  } catch (error) {
    await store.close();
    throw error;
  }
}
