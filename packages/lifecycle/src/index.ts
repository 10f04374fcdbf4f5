export * from "./abortable.ts";
export * from "./backoff.ts";
export * from "./clock.ts";
export * from "./gate.ts";
export * from "./retry.ts";
export * from "./service.ts";
export * from "./single-flight.ts";
export * from "./work-queue.ts";
