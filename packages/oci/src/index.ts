export { inOrder, treeEntries, type LayerEntry, type TreeOptions } from "./entries.ts";
export { imageSize, mergedConfig, writeImage, type ImageRecipe } from "./image.ts";
export { writeLayer, type Layer, type LayerOptions } from "./layer.ts";
export { openLayout, type Layout } from "./layout.ts";
export { MEDIA } from "./media-types.ts";
export type { Descriptor, ImageConfig, Manifest, RunConfig } from "./media-types.ts";
export { unpackImage } from "./unpack.ts";
