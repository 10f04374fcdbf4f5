export type { EventTrigger, Lag, Served, TriggerKind } from "./kind.ts";
export { createTriggerManager, type TriggerManager, type TriggerManagerDependencies } from "./manager.ts";
export { createTriggerMetrics, type TriggerMetrics } from "./metrics.ts";
