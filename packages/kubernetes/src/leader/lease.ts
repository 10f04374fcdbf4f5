import type { Kind, KubeObject } from "../objects.ts";

/** coordination.k8s.io/v1. Times have microseconds, as MicroTime wants them. */
export interface Lease extends KubeObject {
  readonly spec?: LeaseSpec;
}

export interface LeaseSpec {
  readonly holderIdentity?: string;
  readonly leaseDurationSeconds?: number;
  readonly acquireTime?: string;
  readonly renewTime?: string;
  readonly leaseTransitions?: number;
}

export const LEASES: Kind<Lease> = {
  apiVersion: "coordination.k8s.io/v1",
  kind: "Lease",
  plural: "leases",
  namespaced: true,
};

/** When this version of the lease was first seen, by our own monotonic clock: the holder's may be wrong. */
export interface Sighting {
  readonly resourceVersion: string;
  readonly at: number;
}

export type LeaseStep = "create" | "take" | "renew" | "wait";

export function sight(
  lease: Lease | undefined,
  before: Sighting | undefined,
  now: number,
): Sighting | undefined {
  const resourceVersion = lease?.metadata.resourceVersion;
  if (resourceVersion === undefined) return undefined;
  return before?.resourceVersion === resourceVersion ? before : { resourceVersion, at: now };
}

/** What to do about the lease as it was read. Another's is left alone until it was not renewed for its whole duration. */
export function leaseStep(
  lease: Lease | undefined,
  sighting: Sighting | undefined,
  identity: string,
  now: number,
): LeaseStep {
  if (lease === undefined || sighting === undefined) return "create";
  const { holderIdentity = "", leaseDurationSeconds = 0 } = lease.spec ?? {};
  if (holderIdentity === identity) return "renew";
  if (holderIdentity === "") return "take";
  return now - sighting.at >= leaseDurationSeconds * 1000 ? "take" : "wait";
}

export interface HoldSettings {
  readonly identity: string;
  readonly leaseMs: number;
}

/** The lease as its holder writes it, taken or renewed at `nowMs` since the epoch. */
export function heldSpec(
  before: LeaseSpec | undefined,
  { identity, leaseMs }: HoldSettings,
  nowMs: number,
): LeaseSpec {
  const now = microTime(nowMs);
  const mine = before?.holderIdentity === identity;
  const transitions = before?.leaseTransitions ?? 0;
  return {
    holderIdentity: identity,
    leaseDurationSeconds: Math.ceil(leaseMs / 1000),
    acquireTime: (mine ? before.acquireTime : undefined) ?? now,
    renewTime: now,
    leaseTransitions: before === undefined || mine ? transitions : transitions + 1,
  };
}

/** Given up: the next one need not wait. */
export function releasedSpec(before: LeaseSpec, nowMs: number): LeaseSpec {
  const { holderIdentity: _, ...rest } = before;
  return { ...rest, holderIdentity: "", leaseDurationSeconds: 1, renewTime: microTime(nowMs) };
}

function microTime(ms: number): string {
  return new Date(ms).toISOString().replace("Z", "000Z");
}
