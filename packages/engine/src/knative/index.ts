export * from "./kube.ts";
export { resources } from "./resources.ts";
export { knativeSettings, type KnativeSettings, type Toleration } from "./settings.ts";
export type { FunctionWish, RevisionWish } from "./wish.ts";
