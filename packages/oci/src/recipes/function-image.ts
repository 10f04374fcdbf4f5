import { stat } from "node:fs/promises";
import { treeEntries, type LayerEntry } from "../entries.ts";
import { writeImage } from "../image.ts";
import { writeLayer, type Layer } from "../layer.ts";
import type { Layout } from "../layout.ts";
import type { Descriptor, ImageConfig, Manifest, RunConfig } from "../media-types.ts";
import { APP } from "./runtime-image.ts";

/** Files of this machine that become one layer: a set of dependencies, or the code. */
export interface Content {
  /** A folder, or a single file. */
  readonly from: string;
  /** The absolute path in the image that it gets. */
  readonly to: string;
  /** Called with a path below a folder. Default: everything. */
  readonly include?: ((path: string) => boolean) | undefined;
}

export interface FunctionImageInput {
  /** As the layout is to know it. */
  readonly name: string;
  /** The runtime's image, in the same layout. */
  readonly base: Descriptor;
  /** A layer each, below the code's. Functions that share a set share its layer. */
  readonly dependencies?: readonly Content[] | undefined;
  readonly code: readonly Content[];
  readonly entry: string;
  /** Python: directories of the image for the module search path, in order. */
  readonly paths?: readonly string[] | undefined;
  /** Further variables of every container. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Asked for each set of dependencies: the layer that it became before, or what `write` makes of it. Default: `write` it. */
  readonly dependencyLayer?: ((set: Content, write: () => Promise<Layer>) => Promise<Layer>) | undefined;
}

/**
 * A function as an image: the runtime's layers, one per set of dependencies, one for the code. It boots specialised and
 * listens on `PORT`; identity, concurrency and the like are variables that whoever runs it gives (runtimes/contract.md, section 1).
 * The same files give the same digest wherever they lie.
 */
export async function writeFunctionImage(
  layout: Layout,
  input: FunctionImageInput,
  signal: AbortSignal,
): Promise<Descriptor> {
  const layers: Layer[] = [];
  for (const set of input.dependencies ?? []) {
    const write = async (): Promise<Layer> =>
      writeLayer(layout, await entriesOf(set), { createdBy: "dependencies" }, signal);
    layers.push(await (input.dependencyLayer?.(set, write) ?? write()));
  }
  const code = (await Promise.all(input.code.map(entriesOf))).flat();
  layers.push(await writeLayer(layout, code, { createdBy: "code" }, signal));
  const manifest = await layout.readJson<Manifest>(input.base.digest);
  const { architecture } = await layout.readJson<ImageConfig>(manifest.config.digest);
  const { name, base } = input;
  return writeImage(layout, name, { architecture, base, layers, config: configOf(input) }, signal);
}

async function entriesOf({ from, to, include }: Content): Promise<LayerEntry[]> {
  const info = await stat(from);
  if (info.isDirectory()) return treeEntries(from, to, { include });
  return [{ kind: "copy", path: to, mode: (info.mode & 0o100) === 0 ? 0o644 : 0o755, from, size: info.size }];
}

function configOf({ name, entry, paths, env, labels }: FunctionImageInput): RunConfig {
  const variables = {
    HANZO_FN_SOURCE: APP,
    HANZO_FN_ENTRY: entry,
    ...(paths === undefined || paths.length === 0 ? {} : { HANZO_FN_PATHS: paths.join(":") }),
    ...env,
  };
  return {
    Env: Object.entries(variables).map(([variable, value]) => `${variable}=${value}`),
    WorkingDir: APP,
    Labels: { "org.opencontainers.image.title": name, ...labels },
  };
}
