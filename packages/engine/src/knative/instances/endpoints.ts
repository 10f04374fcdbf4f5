import { SERVERLESS_SERVICE_LABEL, SERVICE_TYPE_LABEL, type Endpoint, type EndpointSlice } from "./kinds.ts";

/** Knative's proxy in every pod, and its activator, listen here for HTTP/1.1. */
const KNATIVE_PORT = 8012;

/** Somebody who takes calls. */
export interface Backend {
  readonly host: string;
  readonly port: number;
  /** Of the pod; empty where the endpoint names none. */
  readonly pod: string;
}

/** `host:port`. */
export function backendKey({ host, port }: Backend): string {
  return `${host}:${port}`;
}

/** `namespace/name`: where a revision is in the cluster. */
export type Place = string;

/** What a slice is about; undefined where it is about no revision. */
export function sliceOf(
  slice: EndpointSlice,
): { readonly place: Place; readonly isPrivate: boolean } | undefined {
  const { labels = {}, namespace } = slice.metadata;
  const revision = labels[SERVERLESS_SERVICE_LABEL];
  if (revision === undefined || namespace === undefined) return undefined;
  return { place: `${namespace}/${revision}`, isPrivate: labels[SERVICE_TYPE_LABEL] === "Private" };
}

/** Of a revision's pods, whether they take calls or not; none where the slice is another one. */
export function podAddresses(slice: EndpointSlice): readonly string[] {
  if (sliceOf(slice)?.isPrivate !== true) return [];
  return (slice.endpoints ?? []).flatMap(({ addresses }) => addresses);
}

/** A pod lives on for half a minute after it was told to end, and its phase says nothing of that. */
function takesCalls({ addresses, conditions = {} }: Endpoint): boolean {
  return conditions.ready !== false && conditions.terminating !== true && addresses.length > 0;
}

function portOf({ ports }: EndpointSlice): number {
  // Also for HTTP/2 revisions, whose own port has another name: calls here are HTTP/1.1.
  return ports?.find(({ name }) => name === "http")?.port ?? KNATIVE_PORT;
}

/** Those of these slices that take calls, every pod once: one with addresses of both families is in two slices. */
export function backendsOf(slices: Iterable<EndpointSlice>): Backend[] {
  const found = new Map<string, Backend>();
  // IPv4 first.
  const sorted = [...slices].toSorted((a, b) => ((a.addressType ?? "") < (b.addressType ?? "") ? -1 : 1));
  for (const slice of sorted) {
    const port = portOf(slice);
    for (const endpoint of slice.endpoints ?? []) {
      if (!takesCalls(endpoint)) continue;
      const backend = { host: endpoint.addresses[0] as string, port, pod: endpoint.targetRef?.name ?? "" };
      const key = backend.pod === "" ? backendKey(backend) : backend.pod;
      if (!found.has(key)) found.set(key, backend);
    }
  }
  return [...found.values()];
}

/**
 * The activators for a revision: those that its public Service names, since Knative divides the pods among them; all of
 * them while it names pods.
 */
export function activatorsFor(all: readonly Backend[], named: readonly Backend[]): readonly Backend[] {
  const names = new Set(named.map(backendKey));
  const own = all.filter((backend) => names.has(backendKey(backend)));
  return own.length > 0 ? own : all;
}
