export { createLayer, type LayerOptions, type LayerParts } from "./layer.ts";
