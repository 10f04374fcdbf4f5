import { MANAGERS, ownedBy, type Applied, type KubeObject } from "./kube.ts";
import { functionLabels } from "./labels.ts";
import { checkFunctionName, namespaceOf, ownName } from "./names.ts";
import { PULL_SECRET } from "./namespace.ts";
import { functionPolicy } from "./policies.ts";
import { gatewaySecret, userSecret } from "./secrets.ts";
import { serviceOf } from "./service.ts";
import type { KnativeSettings } from "./settings.ts";
import { trafficOf } from "./traffic.ts";
import type { FunctionWish, RevisionWish } from "./wish.ts";

/** An account without rights and without a token in its pods (HIP-60, Function Isolation). */
function serviceAccount(fn: FunctionWish, settings: KnativeSettings): KubeObject {
  return {
    apiVersion: "v1",
    kind: "ServiceAccount",
    metadata: {
      name: ownName(fn.function),
      namespace: namespaceOf(fn.org, settings),
      labels: functionLabels(fn.org, fn.function),
      ...ownedBy(fn.owner),
    },
    automountServiceAccountToken: false,
    // Allowed to be missing: a registry without credentials needs none.
    imagePullSecrets: [{ name: PULL_SECRET }],
  };
}

/**
 * Everything that one function is in the cluster, in the order in which it is applied: what pods need comes before the
 * Service that makes them, the traffic last. The template is the newest revision's. Pure: the same input gives the same
 * bytes. Throws a `PlatformError` for a name, variable or secret that cannot be.
 */
export function resources(
  fn: FunctionWish,
  revisions: readonly RevisionWish[],
  settings: KnativeSettings,
): Applied[] {
  checkFunctionName(fn.function);
  const newest = revisions.toSorted((a, b) => b.desired.ref.number - a.desired.ref.number)[0];
  if (newest === undefined) return [];
  const needed = [
    serviceAccount(fn, settings),
    userSecret(fn, revisions, settings),
    ...revisions.flatMap((revision) => gatewaySecret(fn, revision, settings)),
    functionPolicy(fn, settings),
  ];
  const desired = revisions.map((revision) => revision.desired);
  return [
    ...needed.map((object) => ({ manager: MANAGERS.deploy, object })),
    { manager: MANAGERS.deploy, object: serviceOf(fn, newest, settings) },
    { manager: MANAGERS.traffic, object: trafficOf(fn, desired, settings) },
  ];
}
