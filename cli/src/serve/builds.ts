import { sourceKey } from "@hanzo-fn/blobs";
import { createBuilder } from "@hanzo-fn/builder";
import type { Config, LogSink, ManifestOptions, RuntimeName } from "@hanzo-fn/contract";
import type { Prepare } from "@hanzo-fn/engine";
import type { Parts } from "./parts.ts";
import { runDirOf, uidRange } from "./run-places.ts";
import { installRuntimes, type Runtimes } from "./runtimes.ts";

export interface Builds {
  readonly runtimes: Runtimes;
  readonly prepare: Prepare;
  /** Per runtime: what decides about a build besides the source. */
  readonly keyOf: (runtime: string) => string;
  readonly manifestOptions: ManifestOptions;
  /** Removes working copies and layers that no revision refers to. */
  collect(): Promise<void>;
  close(): Promise<void>;
}

function words(command: string): readonly string[] {
  return command.split(" ").filter((word) => word !== "");
}

/** The builder with its folders in the data directory, and the toolchains of this machine. */
export async function openBuilds(parts: Parts, logs: LogSink, signal: AbortSignal): Promise<Builds> {
  const { config, dir, store, blobs, clock, log } = parts;
  const runtimes = await installRuntimes(dir.runtimes, config.local, signal);
  // They own nothing of the platform and run nothing else.
  const users = uidRange(config, runDirOf(parts));
  const uids = { source: users.base, registry: users.base + 1 };
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
    runtimes,
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
    keyOf: (runtime) => builder.keyOf(runtime),
    manifestOptions: {
      gpuPool: false,
      runtimes: runtimeLimits(config),
      unavailable: unavailable(runtimes),
    },
    async collect() {
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
