import { createHash } from "node:crypto";

/**
 * When a run starts: its scheduled time or up to `jitterMs` later, evenly spread and always the same for the same
 * trigger and time, so that every replica says the same. Never as late as the next scheduled time, so that no run waits
 * for one that came after it.
 */
export function startOf(
  triggerId: string,
  scheduledAt: Date,
  jitterMs: number,
  next: Date | undefined,
): Date {
  const scheduled = scheduledAt.getTime();
  const spread = Math.min(jitterMs, (next?.getTime() ?? Number.POSITIVE_INFINITY) - scheduled);
  if (spread < 1) return scheduledAt;
  const digest = createHash("sha256").update(`${triggerId} ${scheduled}`).digest();
  return new Date(scheduled + (digest.readUIntBE(0, 6) % spread));
}
