import { PlatformError } from "@hanzo-fn/contract";

export const COMPONENT = "kubernetes";

/** What is wrong with our own way into the cluster. */
export function unusable(message: string, next: string, cause?: unknown): PlatformError {
  return new PlatformError("cluster_refused", message, { component: COMPONENT, next, cause });
}
