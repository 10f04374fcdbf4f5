import { createHash } from "node:crypto";
import { stat } from "node:fs/promises";
import type { WorkingCopy } from "@hanzo-fn/engine";
import {
  type Content,
  type Descriptor,
  functionParts,
  type ImageConfig,
  type ImageRuntime,
  type Layer,
  type Layout,
  type Manifest,
  PYTHON_LABEL,
  writeFunctionImage,
} from "@hanzo-fn/oci";
import { checkExtensions } from "./extensions.ts";
import type { Records } from "./records.ts";

/** A set of dependencies as the layer that it became, and a repository that has it. */
export interface KnownLayer {
  readonly layer: Layer;
  readonly repository: string;
}

export interface Assembled {
  readonly image: Descriptor;
  /** Repositories that have layers which are not in the layout. */
  readonly mountFrom: readonly string[];
  /** Layers that were written, to be kept once they are in the registry. */
  readonly fresh: ReadonlyMap<string, Layer>;
}

export interface AssembleInput {
  readonly name: string;
  readonly runtime: ImageRuntime;
  readonly copy: WorkingCopy;
  /** In the layout; its layers need not be. */
  readonly base: Descriptor;
  readonly known: Pick<Records<KnownLayer>, "get" | "remove">;
  /** Write all layers, whatever is known. */
  readonly anew: boolean;
}

/**
 * A working copy over its base, in a layout. A set of dependencies that was pushed before is neither read nor compressed
 * again: it is hundreds of megabytes for some functions, and the code a few kilobytes.
 */
export async function assemble(
  layout: Layout,
  { name, runtime, copy, base, known, anew }: AssembleInput,
  signal: AbortSignal,
): Promise<Assembled> {
  const mountFrom = new Set<string>();
  const fresh = new Map<string, Layer>();
  const python = runtime === "python" ? await pythonOf(layout, base) : undefined;
  const dependencyLayer = async (set: Content, write: () => Promise<Layer>): Promise<Layer> => {
    const key = await keyOf(set);
    if (anew) await known.remove(key);
    const there = anew ? undefined : await known.get(key);
    if (there !== undefined) {
      mountFrom.add(there.repository);
      return there.layer;
    }
    if (python !== undefined) await checkExtensions(set.from, python);
    const layer = await write();
    fresh.set(key, layer);
    return layer;
  };
  const parts = await functionParts(runtime, copy);
  const image = await writeFunctionImage(layout, { name, base, ...parts, dependencyLayer }, signal);
  return { image, mountFrom: [...mountFrom], fresh };
}

/** Layers of packages/builder never change, but one that was collected may be made again with newer packages: then it has another time. */
async function keyOf({ from, to }: Content): Promise<string> {
  const { mtimeMs, size } = await stat(from);
  return createHash("sha256")
    .update(JSON.stringify([from, to, mtimeMs, size]))
    .digest("hex");
}

async function pythonOf(layout: Layout, base: Descriptor): Promise<string | undefined> {
  const { config } = await layout.readJson<Manifest>(base.digest);
  return (await layout.readJson<ImageConfig>(config.digest)).config?.Labels?.[PYTHON_LABEL];
}
