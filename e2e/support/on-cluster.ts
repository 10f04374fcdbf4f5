import { expect } from "vitest";
import { callFunction } from "./deploys.ts";
import type { ClusterPlace } from "./cluster.ts";
import type { TestPlatform } from "./platform.ts";

/** For what waits on Kubernetes on a busy machine. */
export const BUDGET = { timeoutMs: 120_000, everyMs: 250 };

/** Lines of function.yaml for functions that leave room on a node of two cores, and go to zero soon. */
export const SMALL = 'resources:\n  cpu: "50m"\nscaling:\n  scale_down_delay: 0s\n';

export function placeOf({ place }: TestPlatform): ClusterPlace {
  if (place === undefined) throw new Error("this test needs a cluster: npm run e2e -- --engine knative");
  return place;
}

/** `kubectl` in the namespace of the home organisation. */
export function kubectl(platform: TestPlatform, args: readonly string[]): Promise<string> {
  const { cluster, namespace } = placeOf(platform);
  return cluster.kubectl([...args, "-n", namespace]);
}

/** What `kubectl get WHAT -o jsonpath=PATH` prints. */
export function reading(platform: TestPlatform, what: string, path: string): Promise<string> {
  return kubectl(platform, ["get", ...what.split(" "), "-o", `jsonpath=${path}`]);
}

/** Calls a function so many times, some at once; every call has to be good. Gives the calls of each revision. */
export async function tally(
  platform: TestPlatform,
  name: string,
  count: number,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  let sent = 0;
  const keepCalling = async (): Promise<void> => {
    while (sent++ < count) {
      const { status, headers, text } = await callFunction(platform, name);
      expect([status, text]).toEqual([200, expect.any(String)]);
      const revision = String(headers.get("x-function-revision"));
      counts[revision] = (counts[revision] ?? 0) + 1;
    }
  };
  await Promise.all(Array.from({ length: 8 }, keepCalling));
  return counts;
}
