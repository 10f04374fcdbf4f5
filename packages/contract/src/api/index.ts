export * from "./event-schemas.ts";
export * from "./openapi.ts";
export * from "./operations.ts";
export * from "./schemas.ts";
export * from "./task-schemas.ts";
