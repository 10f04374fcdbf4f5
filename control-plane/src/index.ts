export { createApp, type AppDependencies, type Handlers } from "./app.ts";
export type { Control, InvokeAnswer, InvokeRequest, TaskDesk, TriggerPlane } from "./control.ts";
export { describeTask } from "./present-task.ts";
export type { View } from "./present.ts";
export { createReconciler, type Reconciler } from "./reconcile.ts";
export { createHandlers } from "./routes/index.ts";
export type { SecretAdmin } from "./secrets-admin.ts";
export { controlPlaneServer } from "./server.ts";
export * from "./secrets/index.ts";
