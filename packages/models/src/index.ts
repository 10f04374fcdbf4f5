export { EXPORTED_MODEL_TYPES, exportGraphs } from "./export.ts";
