import { type Blobs, sourceKey } from "@hanzo-fn/blobs";
import { createBuilder } from "@hanzo-fn/builder";
import type { Config, ManifestOptions } from "@hanzo-fn/contract";
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
  /** Installs dependencies where the platform is root: a user that owns nothing and runs nothing else. */
  readonly uid: number;
  readonly clock: Clock;
  readonly log: Logger;
}

function words(command: string): readonly string[] {
  return command.split(" ").filter((word) => word !== "");
}

/** The builder with its folders in the data directory. */
export async function openBuilds({ config, dir, blobs, runtimes, uid, clock, log }: Parts): Promise<Builds> {
  const { builds } = config;
  const builder = await createBuilder(
    { openSource: (org, digest) => Promise.resolve(blobs.get(sourceKey(org, digest))), clock, log },
    {
      workRoot: dir.work,
      layersRoot: dir.layers,
      runtimes: {
        ...(runtimes.python === undefined ? {} : { python: { command: [runtimes.python.executable] } }),
        node: { command: [runtimes.node] },
      },
      npmCommand: words(builds.npm),
      pipCommand: builds.pip === undefined ? undefined : words(builds.pip),
      runAs: process.getuid?.() === 0 ? { uid, gid: uid } : undefined,
      hostEnvironment: process.env,
      timeoutMs: builds.timeoutMs,
    },
  );
  return {
    prepare: (desired, signal) =>
      builder.prepare(
        {
          org: desired.ref.org,
          function: desired.ref.function,
          revision: desired.ref.name,
          runtime: desired.runtime,
          entry: desired.entry,
          sourceDigest: desired.sourceDigest,
        },
        signal,
      ),
    manifestOptions: { engine: "local", gpuPool: false, runtimes: runtimeLimits(config) },
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

function runtimeLimits({ runtimes }: Config): NonNullable<ManifestOptions["runtimes"]> {
  return {
    python: runtimes.python,
    go: runtimes.go,
    rust: runtimes.rust,
    typescript: runtimes.typescript,
  };
}
