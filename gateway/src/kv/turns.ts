import { createGate, type Gate } from "@hanzo-fn/lifecycle";
import type { KvScope } from "./kv.ts";

/** Commands of all functions at a time, and of one: the database has others to serve, and each function has neighbours. */
export interface TurnLimits {
  readonly total: number;
  readonly perFunction: number;
}

export type Turns = <T>(scope: KvScope, run: () => Promise<T>) => Promise<T>;

interface Own {
  readonly gate: Gate;
  users: number;
}

/**
 * A function's commands wait for each other before they wait for those of others, so that one with a thousand of
 * them stands in the common line as one with two.
 */
export function createTurns({ total, perFunction }: TurnLimits): Turns {
  const common = createGate(total);
  const own = new Map<string, Own>();
  // A command that was accepted is run: nobody takes it back.
  const { signal } = new AbortController();
  return async ({ org, function: name }, run) => {
    const key = `${org}/${name}`;
    const mine = own.get(key) ?? { gate: createGate(perFunction), users: 0 };
    own.set(key, mine);
    mine.users++;
    try {
      return await mine.gate(signal, () => common(signal, run));
    } finally {
      if (--mine.users === 0) own.delete(key);
    }
  };
}
