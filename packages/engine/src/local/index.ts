export { KNATIVE_DEFAULTS } from "../autoscaler/index.ts";
export { createLocalEngine, type LocalEngine, type LocalEngineDeps } from "./engine.ts";
export { checkIsolation, type IsolationItem, readableByOthers } from "./isolation.ts";
export type { RuntimeLaunch } from "./launch.ts";
export { LOCAL_DEFAULTS, type LocalEngineOptions } from "./options.ts";
export { defaultRunDir, defaultUids, makeDir } from "./run-dir.ts";
export type { Prepare, WorkingCopy } from "./starter.ts";
