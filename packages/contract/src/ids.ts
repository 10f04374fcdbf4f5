import { randomBytes } from "node:crypto";

const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/** A ULID: 10 characters of milliseconds since the epoch, then 16 random ones (github.com/ulid/spec). */
export function ulid(nowMs: number = Date.now()): string {
  let time = "";
  let rest = nowMs;
  for (let i = 0; i < 10; i++) {
    time = CROCKFORD[rest % 32] + time;
    rest = Math.floor(rest / 32);
  }
  let random = "";
  for (const byte of randomBytes(16)) random += CROCKFORD[byte & 31];
  return time + random;
}

export function revisionName(functionName: string, number: number): string {
  return `${functionName}-${String(number).padStart(5, "0")}`;
}

/** The number in a revision name or a bare number; undefined where `text` is neither. */
export function parseRevision(functionName: string, text: string): number | undefined {
  const digits = text.startsWith(`${functionName}-`) ? text.slice(functionName.length + 1) : text;
  if (!/^\d{1,9}$/.test(digits)) return undefined;
  const number = Number(digits);
  return number > 0 ? number : undefined;
}

/** Id of what a cron trigger fires at a time of its schedule: the same at every attempt, and of its run in the record. */
export function cronRunId(triggerId: string, scheduledAt: Date): string {
  return `cron:${triggerId}:${scheduledAt.toISOString()}`;
}
