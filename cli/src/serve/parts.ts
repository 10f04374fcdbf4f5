import type { Blobs } from "@hanzo-fn/blobs";
import { type Authenticator, type Config, PlatformError } from "@hanzo-fn/contract";
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
  readonly clock: Clock;
  readonly log: Logger;
  readonly dir: DataDir;
  readonly store: Store;
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

/** This build has the local engine, whose instances live in the process of the proxy, and the planes that it needs. */
function requireServed({ engine, planes }: Config): void {
  const unsupported = (message: string, next: string): PlatformError =>
    new PlatformError("unsupported", message, { component: "serve", next });
  if (engine === "knative")
    throw unsupported("this build has no Knative engine", "set engine to local or auto");
  const missing = (["api", "proxy"] as const).find((plane) => !planes.includes(plane));
  if (missing === undefined) return;
  throw unsupported(
    `the local engine needs the plane ${missing} in its process`,
    "set planes to [api, proxy]",
  );
}

/** Opens the database first: it holds the lock on the data directory. */
export async function openParts(config: Config, signal: AbortSignal): Promise<Parts> {
  requireServed(config);
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
    return { config, clock, log, dir, store, blobs, secrets, authenticator, adminKey };
  } catch (error) {
    await store.close();
    throw error;
  }
}
