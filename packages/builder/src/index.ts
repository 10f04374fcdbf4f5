export { createBuilder } from "./builder.ts";
export { type Confinement, probeConfinement } from "./confinement.ts";
export {
  createInPlaceBuilder,
  type InPlaceBuild,
  type InPlaceBuilder,
  type InPlaceOptions,
} from "./in-place.ts";
export { ONNXRUNTIME, onnxruntimeLibrary } from "./onnxruntime.ts";
export { onnxruntimeManifest, preinstalledNode, preinstalledPython } from "./preinstalled.ts";
export { createSharedBuilds, type SharedBuilds } from "./shared-builds.ts";
export { linkProblem, parentsOf, pathProblem } from "./source-tree.ts";
export { tarEntries, type TarEntry } from "./tar-entries.ts";
export type {
  BuildReference,
  BuildRequest,
  Builder,
  BuilderDependencies,
  BuilderOptions,
  GoToolchain,
  RustToolchain,
  WorkingCopy,
} from "./types.ts";
export { unpackSource } from "./unpack.ts";
