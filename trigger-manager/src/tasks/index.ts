export { createTaskIntake, type IntakeOptions } from "./intake.ts";
export { createTaskMetrics, type TaskMetrics, type TaskObserver } from "./observer.ts";
export { createTaskRunner, type TaskRunner, type TaskRunnerOptions } from "./runner.ts";
export type { TaskSettings } from "./settings.ts";
export { createTaskSignals, type TaskSignals } from "./signals.ts";
