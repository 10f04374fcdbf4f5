import { PlatformError } from "@hanzo-fn/contract";
import type { DesiredRevision } from "../engine.ts";
import { SERVING, type KubeObject } from "./kube.ts";
import { namespaceOf, tagOf } from "./names.ts";
import type { KnativeSettings } from "./settings.ts";
import type { FunctionWish } from "./wish.ts";

export interface TrafficTarget {
  readonly revisionName?: string;
  readonly latestRevision?: true;
  readonly percent: number;
  readonly tag?: string;
}

/**
 * Where the Route sends requests. A revision that is not ready yet is in it only where it has a share: the Route takes no
 * change while one of its targets is not ready. Before the first revision is ready everything goes to the latest one.
 * Throws `internal` where shares do not sum to 100.
 */
export function trafficTargets(revisions: readonly DesiredRevision[]): TrafficTarget[] {
  const sum = revisions.reduce((total, { percent }) => total + percent, 0);
  if (sum === 0) return [{ latestRevision: true, percent: 100 }, ...tagged(revisions)];
  if (sum === 100) return tagged(revisions);
  const name = revisions[0]?.ref.function;
  throw new PlatformError("internal", `the traffic of ${name} sums to ${sum} %`, {
    component: "engine/knative",
    function: name,
  });
}

function tagged(revisions: readonly DesiredRevision[]): TrafficTarget[] {
  return revisions
    .filter(({ percent, proven }) => percent > 0 || proven === true)
    .toSorted((a, b) => a.ref.number - b.ref.number)
    .map(({ ref, percent }) => ({ revisionName: ref.name, percent, tag: tagOf(ref.number) }));
}

/** `spec.traffic` alone, for the field manager `hanzo-functions/traffic`. */
export function trafficOf(
  fn: Pick<FunctionWish, "org" | "function">,
  revisions: readonly DesiredRevision[],
  settings: Pick<KnativeSettings, "namespace" | "homeOrg">,
): KubeObject {
  return {
    apiVersion: SERVING,
    kind: "Service",
    metadata: { name: fn.function, namespace: namespaceOf(fn.org, settings) },
    spec: { traffic: trafficTargets(revisions) },
  };
}
