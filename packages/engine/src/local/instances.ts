import { PlatformError } from "@hanzo-fn/contract";
import type { Instances } from "../engine.ts";
import type { RevisionRunner } from "./runner.ts";

export function createInstances(runners: ReadonlyMap<string, RevisionRunner>): Instances {
  return {
    tryAcquire: (revisionKey) => runners.get(revisionKey)?.tryAcquire(),
    acquire(revisionKey, signal) {
      const runner = runners.get(revisionKey);
      if (runner) return runner.acquire(signal);
      const message = `the revision ${revisionKey.slice(revisionKey.indexOf("/") + 1)} is not on this engine`;
      return Promise.reject(
        new PlatformError("no_capacity", message, { component: "engine/local", retryAfterSeconds: 1 }),
      );
    },
  };
}
