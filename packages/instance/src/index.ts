export { bootEnvironment } from "./boot-environment.ts";
export * from "./cgroup.ts";
export * from "./instance.ts";
export * from "./ledger.ts";
export * from "./memory.ts";
export * from "./start.ts";
export { DEFAULT_LOG_LIMITS } from "./output.ts";
export { processTree, residentBytes, startTime } from "./processes.ts";
