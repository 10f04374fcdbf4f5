import { chance } from "./chance.ts";

/** What the function does with one event at one attempt. */
export type Behaviour = "well" | "slowly" | "fails" | "hangs";

const POISON_EVERY = 211;

/** One number in so many is never taken: it is to end among the dead letters. Tasks and times are all good. */
export function isPoison(key: string): boolean {
  return /^\d+$/.test(key) && Number(key) % POISON_EVERY === POISON_EVERY - 1;
}

/** Only a first or second attempt goes wrong, so that every event that is no poison succeeds in the end. */
export function behaviourOf(seed: number, key: string, attempt: number): Behaviour {
  if (isPoison(key)) return "fails";
  const dice = chance(seed, key, attempt);
  if (attempt > 2 || dice >= 0.08) return "well";
  if (dice >= 0.04) return "slowly";
  return dice >= 0.004 ? "fails" : "hangs";
}

/** Calls that the platform itself refuses: by the call, since what was not delivered comes again as it was. */
export function isRefused(seed: number, by: string, call: number): boolean {
  return chance(seed, by, call) < 0.003;
}

/** Milliseconds that a call takes which ends by itself. */
export function durationOf(seed: number, key: string, behaviour: Behaviour): number {
  const dice = chance(seed, key);
  return Math.round(behaviour === "slowly" ? 200 + 1000 * dice : 1 + 15 * dice);
}
