export * from "./duration.ts";
export * from "./errors.ts";
export * from "./headers.ts";
export * from "./ids.ts";
export * from "./secret.ts";
export * from "./identity.ts";
export * from "./logs.ts";
export * from "./routes.ts";
