import { Secret } from "@hanzo-fn/contract";
import { type DesiredFunction, revisionRef } from "@hanzo-fn/engine";

const TIMEOUT_MS = 30_000;

/** A function on record: its one revision was ready before, has all the traffic, a secret and a token. */
export function functionWish(org: string, i: number): DesiredFunction {
  const name = `kept-${i}`;
  const revision = {
    ref: revisionRef(org, name, 1),
    runtime: "go",
    entry: "hello",
    sourceDigest: `sha256:${"0".repeat(64)}`,
    environment: { TARGET: "world" },
    secrets: { KEY: "key" },
    cpuMillis: 10,
    memoryBytes: 32 * 2 ** 20,
    timeoutMs: TIMEOUT_MS,
    concurrency: 10,
    percent: 100,
    proven: true,
  };
  const scaling = { minInstances: 0, maxInstances: 3, targetConcurrency: 5, scaleDownDelayMs: 0 };
  return { org, function: name, scaling, revisions: [revision] };
}

export const secretOf = (name: string): Secret => new Secret(`value of ${name}`);
