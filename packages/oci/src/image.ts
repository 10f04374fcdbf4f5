import type { Layer } from "./layer.ts";
import type { Layout } from "./layout.ts";
import {
  DOCKER_MEDIA,
  MEDIA,
  type Descriptor,
  type ImageConfig,
  type Manifest,
  type RunConfig,
} from "./media-types.ts";

export interface ImageRecipe {
  /** As the image specification writes them: `amd64`, `arm64`. */
  readonly architecture: string;
  /** An image whose layers come first and whose configuration holds where `config` is silent. */
  readonly base?: Descriptor | undefined;
  readonly layers: readonly Layer[];
  readonly config: RunConfig;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
}

const EPOCH = "1970-01-01T00:00:00Z";

/** Puts layers together to an image and names it. The same layers and configuration give the same digest. */
export async function writeImage(
  layout: Layout,
  name: string,
  recipe: ImageRecipe,
  signal: AbortSignal,
): Promise<Descriptor> {
  const base = recipe.base === undefined ? undefined : await layout.readJson<Manifest>(recipe.base.digest);
  const baseConfig = base === undefined ? undefined : await layout.readJson<ImageConfig>(base.config.digest);
  const config: ImageConfig = {
    architecture: recipe.architecture,
    os: "linux",
    created: EPOCH,
    config: mergedConfig(baseConfig?.config ?? {}, recipe.config),
    rootfs: {
      type: "layers",
      diff_ids: [...(baseConfig?.rootfs.diff_ids ?? []), ...recipe.layers.map((layer) => layer.diffId)],
    },
    history: [
      ...(baseConfig?.history ?? []),
      ...recipe.layers.map(({ createdBy }) => ({ created: EPOCH, created_by: createdBy })),
    ],
  };
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: MEDIA.manifest,
    config: await layout.putJson(MEDIA.config, config, signal),
    layers: [...(base?.layers ?? []).map(asOciLayer), ...recipe.layers.map((layer) => layer.descriptor)],
    ...(recipe.annotations === undefined ? {} : { annotations: recipe.annotations }),
  };
  const descriptor = await layout.putJson(MEDIA.manifest, manifest, signal);
  await layout.tag(name, descriptor);
  return descriptor;
}

/** The bytes of Docker's compressed layers are those of the image specification; only their type is called otherwise. */
function asOciLayer(layer: Descriptor): Descriptor {
  return layer.mediaType === DOCKER_MEDIA.layer ? { ...layer, mediaType: MEDIA.layer } : layer;
}

/** Variables are merged by name, everything else is taken over whole. */
export function mergedConfig(base: RunConfig, own: RunConfig): RunConfig {
  const names = new Map<string, string>();
  for (const variable of [...(base.Env ?? []), ...(own.Env ?? [])]) {
    names.set(variable.slice(0, variable.indexOf("=")), variable);
  }
  const defined = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  return {
    ...base,
    ...defined,
    ...(names.size === 0 ? {} : { Env: [...names.values()] }),
    ...(base.Labels || own.Labels ? { Labels: { ...base.Labels, ...own.Labels } } : {}),
  };
}

/** Compressed bytes of an image's layers. */
export function imageSize(manifest: Manifest): number {
  return manifest.layers.reduce((sum, layer) => sum + layer.size, 0);
}
