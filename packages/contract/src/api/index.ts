export * from "./openapi.ts";
export * from "./operations.ts";
export * from "./schemas.ts";
