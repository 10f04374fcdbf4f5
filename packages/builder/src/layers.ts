import { createHash, createHmac, randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import { createSingleFlight } from "@hanzo-fn/lifecycle";
import { giveTree, removeAbandoned, sealTree } from "./seal.ts";
import { BuildCancelledError } from "./shared-builds.ts";
import type { BuilderOptions } from "./types.ts";

/** Raise it when layers are made differently, so that old ones are not taken for new ones. */
const FORMAT = "1";
const DEFAULT_MAX_BYTES = 1024 ** 3;
const TEMPORARY = ".tmp-";

/** In the place of an organisation, for layers that the platform's own pins decide about and nothing of a source. */
export const EVERYBODY = " everybody";

export interface Layer {
  readonly key: string;
  /** Absolute; name within the layers' directory is its last part. */
  readonly dir: string;
}

export interface LayerStore {
  /** The layer of `parts`, installed by `install` into an empty directory where it is not there yet. */
  get(
    org: string,
    parts: readonly string[],
    signal: AbortSignal,
    install: (dir: string, scratch: string) => Promise<void>,
  ): Promise<Layer>;
  exists(name: string): Promise<boolean>;
  /** Removes what is not in `kept` (names), and what a crash left behind. */
  collect(kept: ReadonlySet<string>): Promise<number>;
}

/** The hash that a lock and everything else that decides about the dependencies comes to. */
export function layerKey(parts: readonly string[]): string {
  const digest = createHash("sha256");
  for (const part of [FORMAT, ...parts]) digest.update(`${Buffer.byteLength(part)}:${part}`);
  return digest.digest("hex");
}

function diskError(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (code !== "ENOSPC" && code !== "EDQUOT") return error;
  return new PlatformError("storage_full", "no space is left for the build", {
    cause: error,
    component: "builder",
  });
}

/**
 * Installed dependencies on the disk. A layer appears by one rename and never changes; its directory's name is
 * keyed by a secret, so that no organisation finds another one's.
 */
export function createLayerStore(options: BuilderOptions, secret: Buffer): LayerStore {
  const { layersRoot, runAs } = options;
  const maxBytes = options.maxLayerBytes ?? DEFAULT_MAX_BYTES;
  const singleFlight = createSingleFlight<void>();
  /** Used since this process started; a build between its layer and its working copy refers to it. */
  const recent = new Set<string>();

  const make = async (
    name: string,
    install: (dir: string, scratch: string) => Promise<void>,
  ): Promise<void> => {
    const temporary = join(layersRoot, `${TEMPORARY}${randomUUID()}`);
    const [content, scratch] = [join(temporary, "layer"), join(temporary, "scratch")];
    try {
      for (const dir of [temporary, content, scratch, join(scratch, "home"), join(scratch, "tmp")]) {
        await mkdir(dir, { mode: 0o755 });
      }
      await giveTree(temporary, runAs);
      await install(content, scratch);
      const bytes = await sealTree(content);
      if (bytes > maxBytes) {
        throw new PlatformError("build_failed", `the dependencies are larger than ${maxBytes} bytes`, {
          component: "builder",
          next: "leave out what the function does not need",
        });
      }
      await rename(content, join(layersRoot, name));
    } catch (error) {
      throw diskError(error);
    } finally {
      await rm(temporary, { recursive: true, force: true, maxRetries: 3 });
    }
  };

  const exists = async (name: string): Promise<boolean> =>
    stat(join(layersRoot, name)).then(
      () => true,
      () => false,
    );

  return {
    exists,
    async get(org, parts, signal, install) {
      const key = layerKey(parts);
      const name = createHmac("sha256", secret).update(`layer ${org} ${key}`).digest("hex");
      recent.add(name);
      const made = async (): Promise<void> => {
        if (!(await exists(name))) await make(name, install);
      };
      // The build that installs it may be ended because nobody waits for that one: then it is this one's turn.
      for (let tried = false; !tried;) {
        tried = await singleFlight(name, made).then(
          () => true,
          (error: unknown) => {
            if (!(error instanceof BuildCancelledError) || signal.aborted) throw error;
            return false;
          },
        );
      }
      return { key, dir: join(layersRoot, name) };
    },
    async collect(kept) {
      let removed = 0;
      for (const name of await readdir(layersRoot)) {
        if (name.startsWith(TEMPORARY)) await removeAbandoned(join(layersRoot, name));
        if (kept.has(name) || recent.has(name) || name.startsWith(TEMPORARY)) continue;
        await rm(join(layersRoot, name), { recursive: true, force: true });
        removed += 1;
      }
      // Once a layer was seen unused it may go next time.
      recent.clear();
      return removed;
    },
  };
}
