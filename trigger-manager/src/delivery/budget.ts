/** What all triggers of a replica share: calls at once, and bytes of events that are held. */
export interface Budget {
  /** Takes the place of a call; false where all are taken. */
  startCall(): boolean;
  endCall(): void;
  /** Bytes that may still be asked for; never below 0. */
  readonly freeBytes: number;
  /** Negative to give back. What was pulled is here, whether it fits or not. */
  addBytes(bytes: number): void;
  /** Calls `wake` once, at the next call or bytes given back; those who wait come before who gave back. */
  waitFree(wake: () => void): void;
}

export interface BudgetLimits {
  readonly calls: number;
  readonly bytes: number;
}

/** Per replica (events.md 4.0). */
export const REPLICA_BUDGET: BudgetLimits = { calls: 512, bytes: 64 * 1024 * 1024 };

export function createBudget(limits: BudgetLimits): Budget {
  let calls = 0;
  let bytes = 0;
  let waiting = new Set<() => void>();
  const wakeAll = (): void => {
    const woken = waiting;
    waiting = new Set();
    for (const wake of woken) wake();
  };
  return {
    startCall() {
      if (calls >= limits.calls) return false;
      calls += 1;
      return true;
    },
    endCall() {
      calls -= 1;
      wakeAll();
    },
    get freeBytes() {
      return Math.max(0, limits.bytes - bytes);
    },
    addBytes(more) {
      bytes += more;
      if (more < 0) wakeAll();
    },
    waitFree: (wake) => void waiting.add(wake),
  };
}
