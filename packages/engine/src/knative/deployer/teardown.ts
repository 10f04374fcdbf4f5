import type { Kind, Kubernetes } from "@hanzo-fn/kubernetes";
import {
  ACCOUNTS,
  DEPLOYMENTS,
  type LiveObject,
  PODS,
  POLICIES,
  REVISIONS,
  ROUTES,
  SECRETS,
  SERVICES,
} from "./kinds.ts";
import { FUNCTION_LABEL, MANAGED_BY_SELECTOR } from "../labels.ts";
import type { Place } from "./observe.ts";

/** In the order in which they are deleted. What Knative owns goes with the Service. */
const OURS = [SERVICES, REVISIONS, ACCOUNTS, SECRETS, POLICIES];
const KNATIVES = [ROUTES, DEPLOYMENTS, PODS];

/** It stays until what it owns is gone, and so are its pods. */
function hasPods(kind: Kind): boolean {
  return kind === SERVICES || kind === REVISIONS;
}

/** Everything of a function that the API server has now, whatever the watches have heard so far. */
async function listAll(
  kubernetes: Pick<Kubernetes, "list">,
  { namespace, function: name }: Place,
  signal: AbortSignal,
): Promise<LiveObject[]> {
  const labelSelector = `${MANAGED_BY_SELECTOR},${FUNCTION_LABEL}=${name}`;
  const lists = await Promise.all(
    [...OURS, ...KNATIVES].map((kind) =>
      kubernetes.list<LiveObject>(kind, { namespace, labelSelector }, signal),
    ),
  );
  return lists.flatMap(({ items }) => items);
}

/**
 * One look at a function that is to go: deletes what is not leaving yet, and gives what is still there, as `Pod name`. The
 * Service goes first and stays until its pods are gone; policies and Secrets are theirs until then, and go after it.
 */
export async function tearDown(
  kubernetes: Pick<Kubernetes, "list" | "delete">,
  place: Place,
  { mayDelete }: { readonly mayDelete: boolean },
  signal: AbortSignal,
): Promise<string[]> {
  const left = await listAll(kubernetes, place, signal);
  for (const kind of mayDelete ? OURS : []) {
    const mine = left.filter((item) => item.kind === kind.kind && item.apiVersion === kind.apiVersion);
    for (const { metadata } of mine) {
      if (metadata.deletionTimestamp !== undefined) continue;
      const ref = { namespace: place.namespace, name: metadata.name };
      const propagation = hasPods(kind) ? "Foreground" : "Background";
      await kubernetes.delete(kind, ref, { propagation, uid: metadata.uid }, signal);
    }
    if (mine.length > 0 && hasPods(kind)) break;
  }
  return left.map(({ kind, metadata }) => `${kind} ${metadata.name}`);
}
