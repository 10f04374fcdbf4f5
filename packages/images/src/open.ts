import { join } from "node:path";
import type { Config, Secret } from "@hanzo-fn/contract";
import type { Prepare } from "@hanzo-fn/engine";
import type { Publisher } from "@hanzo-fn/engine/knative";
import type { Clock } from "@hanzo-fn/lifecycle";
import {
  createRegistry,
  type CredentialSource,
  dockerConfigCredentials,
  httpTransport,
  type Registry,
} from "@hanzo-fn/oci";
import type { Logger } from "@hanzo-fn/telemetry";
import type { KnownLayer } from "./assemble.ts";
import { createBases } from "./bases.ts";
import { collectImages, type ImageRecord, type SourceReference } from "./collect.ts";
import { createPublisher } from "./publisher.ts";
import { pullCredentials } from "./pull-credentials.ts";
import { openRecords } from "./records.ts";
import { openScratch } from "./scratch.ts";
import { readImageSettings, type ImageSettings } from "./settings.ts";

export interface ImageParts {
  readonly prepare: Prepare;
  /** What decides about a build besides the source: `Builder.keyOf`. */
  readonly keyOf: (runtime: string) => string;
  /** A folder of this platform alone. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly clock: Clock;
  readonly log: Pick<Logger, "info" | "warn">;
}

/** Images of functions: made, signed, pushed, and deleted when no revision needs them. */
export interface Images extends Publisher {
  /** Deletes what none of the revisions on record needs. Throws what the registry throws. */
  collect(references: Iterable<SourceReference>, signal: AbortSignal): Promise<{ readonly removed: number }>;
  /** What pods pull images with, as a `.dockerconfigjson`; undefined where Docker's configuration has nothing for the registry. */
  pullCredentials(signal: AbortSignal): Promise<Secret | undefined>;
  /** Ends what is under way. */
  close(): void;
}

const ARCHITECTURES: Readonly<Partial<Record<string, string>>> = { x64: "amd64", arm64: "arm64" };

/** Puts the parts together as the configuration says. Throws `bad_request` where it cannot be carried out. */
export async function openImages(config: Config, parts: ImageParts): Promise<Images> {
  const { prepare, keyOf, folder, clock, log } = parts;
  const settings = await readImageSettings(config, parts);
  const { prefix, signingKey } = settings;
  const architecture = ARCHITECTURES[process.arch] ?? process.arch;
  const credentials = dockerConfigCredentials(settings.dockerConfig);
  const registryAt = registries(settings, credentials, parts);
  const registry = registryAt(settings.host);
  const scratch = await openScratch(folder);
  const published = await openRecords<ImageRecord>(join(folder, "published"));
  const layers = await openRecords<KnownLayer>(join(folder, "layers"));
  const bases = createBases({ registry, registryAt, scratch }, { ...settings, architecture });
  const closing = new AbortController();
  const publisher = createPublisher(
    { prepare, keyOf, registry, bases, scratch, published, layers, clock, log },
    { prefix, architecture, signingKey },
    closing.signal,
  );
  return {
    publish: publisher.publish,
    collect: (references, signal) =>
      collectImages(
        { registry, published, layers, log },
        references,
        { minAgeMs: config.knative.retention.minAgeMs, nowMs: clock.now() },
        signal,
      ),
    pullCredentials: async (signal) =>
      pullCredentials(settings.host, await credentials(settings.host, signal)),
    close: () => closing.abort(new Error("the platform is stopping")),
  };
}

/** One client per host: each keeps its connections and tokens. */
function registries(
  settings: ImageSettings,
  credentials: CredentialSource,
  { clock, log }: ImageParts,
): (host: string) => Registry {
  const known = new Map<string, Registry>();
  const transport = httpTransport({ ca: settings.ca });
  return (host) => {
    const url = host === settings.host ? settings.url : undefined;
    const registry = known.get(host) ?? createRegistry({ host, credentials, transport, clock, log }, { url });
    known.set(host, registry);
    return registry;
  };
}
