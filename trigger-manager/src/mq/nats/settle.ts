import type { NatsConnected } from "@hanzo-fn/brokers";
import type { Settlement } from "../../delivery/source.ts";
import type { Leases } from "./leases.ts";

export const ACK = "+ACK";
export const WORKING = "+WPI";
/** The server's word for it, in its advisories. */
export const PARKED = "hanzo-fn: parked";
const TERM = `+TERM ${PARKED}`;
const NS_PER_MS = 1_000_000;

export function nak(delayMs: number): string {
  const delay = Math.round(delayMs * NS_PER_MS);
  return delay > 0 ? `-NAK ${JSON.stringify({ delay })}` : "-NAK";
}

/**
 * Whether the server may still hear of it. It takes every word about an event as one about the copy that is out, also
 * when that is somebody else's by now: after its time only a success is told.
 */
export function isOurs(leases: Leases, { kind, event }: Settlement, nowMs: number): boolean {
  const lease = leases.get(event);
  if (lease === undefined) return false;
  return kind === "ack" || lease.untilMs > nowMs || (kind === "park" && lease.isTermed);
}

/** Says what became of events. What is given back or parked is not ours from then on. */
export function tell(
  { connection }: NatsConnected,
  leases: Leases,
  settlements: readonly Settlement[],
  nowMs: number,
): void {
  for (const one of settlements) {
    const lease = leases.get(one.event);
    if (lease === undefined || one.kind === "hold" || !isOurs(leases, one, nowMs)) continue;
    if (one.kind === "ack") connection.publish(lease.reply, ACK);
    else if (one.kind === "park") {
      connection.publish(lease.reply, TERM);
      lease.isTermed = true;
    } else {
      connection.publish(lease.reply, nak(one.delayMs));
      // Never again: a second word would be about the next copy. One that was lost means that it comes back later.
      lease.untilMs = Number.NEGATIVE_INFINITY;
    }
  }
}
