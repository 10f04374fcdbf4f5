import { type Blobs, sourceKey } from "@hanzo-fn/blobs";
import { createBuilder } from "@hanzo-fn/builder";
import type { Config, LogSink, ManifestOptions, RuntimeName } from "@hanzo-fn/contract";
import type { Prepare } from "@hanzo-fn/engine";
import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";
import type { DataDir } from "./data-dir.ts";
import type { Runtimes } from "./runtimes.ts";

export interface Builds {
  readonly prepare: Prepare;
  readonly manifestOptions: ManifestOptions;
  /** Removes working copies and layers that no revision refers to. */
  collect(store: Store): () => Promise<void>;
  close(): Promise<void>;
}

interface Parts {
  readonly config: Config;
  readonly dir: DataDir;
  readonly blobs: Blobs;
  readonly runtimes: Runtimes;
  /** Users of builds where the platform is root: they own nothing of it and run nothing else. */
  readonly uids: { readonly source: number; readonly registry: number };
  readonly logs: LogSink;
  readonly clock: Clock;
  readonly log: Logger;
}

function words(command: string): readonly string[] {
  return command.split(" ").filter((word) => word !== "");
}

/** The builder with its folders in the data directory. */
export async function openBuilds(parts: Parts): Promise<Builds> {
  const { config, dir, blobs, runtimes, uids, logs, clock, log } = parts;
  const { builds } = config;
  const isRoot = process.getuid?.() === 0;
  const builder = await createBuilder(
    { openSource: (org, digest) => Promise.resolve(blobs.get(sourceKey(org, digest))), clock, log },
    {
      workRoot: dir.work,
      layersRoot: dir.layers,
      cacheRoot: builds.cache ?? dir.cache,
      runtimes: {
        ...(runtimes.python === undefined ? {} : { python: { command: [runtimes.python.executable] } }),
        node: { command: [runtimes.node] },
        go: runtimes.go,
        rust: runtimes.rust,
      },
      npmCommand: words(builds.npm),
      pipCommand: builds.pip === undefined ? undefined : words(builds.pip),
      runAs: isRoot ? { uid: uids.source, gid: uids.source } : undefined,
      fetchAs: isRoot ? { uid: uids.registry, gid: uids.registry } : undefined,
      hostEnvironment: process.env,
      timeoutMs: builds.timeoutMs,
      maxMemoryBytes: builds.maxMemoryBytes,
      maxDiskBytes: builds.maxDiskBytes,
    },
  );
  return {
    prepare: ({ ref, runtime, entry, sourceDigest }, signal) =>
      builder.prepare(
        { org: ref.org, function: ref.function, revision: ref.name, runtime, entry, sourceDigest },
        signal,
        (msg) =>
          logs.append({
            tsMs: clock.now(),
            level: "info",
            msg,
            org: ref.org,
            function: ref.function,
            revision: ref.name,
            instance: "",
            stream: "platform",
            fields: { phase: "build" },
          }),
      ),
    manifestOptions: {
      engine: "local",
      gpuPool: false,
      runtimes: runtimeLimits(config),
      unavailable: unavailable(runtimes),
    },
    collect: (store) => async () => {
      const referenced = [];
      for await (const { revisions } of store.loadAll()) {
        for (const { org, runtime, entry, sourceDigest } of revisions) {
          referenced.push({ org, runtime, entry, sourceDigest });
        }
      }
      await builder.collect(referenced);
    },
    close: () => builder.close(),
  };
}

/** Why a runtime cannot be had on this machine, for those that cannot. */
function unavailable({ launches }: Runtimes): Readonly<Partial<Record<RuntimeName, string>>> {
  return Object.fromEntries(
    Object.entries(launches).flatMap(([name, launch]) =>
      launch.unavailable === undefined ? [] : [[name, launch.unavailable]],
    ),
  );
}

function runtimeLimits({ runtimes }: Config): NonNullable<ManifestOptions["runtimes"]> {
  return {
    python: runtimes.python,
    go: runtimes.go,
    rust: runtimes.rust,
    typescript: runtimes.typescript,
  };
}
