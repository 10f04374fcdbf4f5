export { askRegistry, type AskRegistryParts } from "./ask-registry.ts";
export type { BasePin, BaseSettings } from "./bases.ts";
export type { SourceReference } from "./collect.ts";
export { type ImageParts, type Images, openImages } from "./open.ts";
export { createPublisher, type PublisherParts, type PublisherSettings } from "./publisher.ts";
export { configLines, pushNamed, pushRuntimeImages } from "./push-runtime-images.ts";
export { type ImageSettings, readImageSettings } from "./settings.ts";
