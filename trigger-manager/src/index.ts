export * from "./delivery/index.ts";
export * from "./manager/index.ts";
export { type CronKindDependencies, createCronKind } from "./cron/kind.ts";
export { createCronTimes, type CronTimes } from "./cron/times.ts";
export * from "./inference/index.ts";
export * from "./tasks/index.ts";
export * from "./callbacks/index.ts";
export * from "./mq/index.ts";
export * from "./stream/index.ts";
