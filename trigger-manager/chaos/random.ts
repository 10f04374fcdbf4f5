import { seeded } from "@hanzo-fn/testkit";
import { chance } from "./chance.ts";

/** Numbers in [0, 1) that a seed determines. */
export type Random = () => number;

/** A run of them, another one for each purpose. */
export function randomFrom(seed: number, purpose: string): Random {
  return seeded(chance(seed, purpose) * 2 ** 32);
}

export function pick<T>(random: Random, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}
