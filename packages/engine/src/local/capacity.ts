/** Somebody who holds instances and may wait for room for another one. */
export interface Tenant {
  /** Gives up an instance that is idle and not needed for its minimum; false where there is none. */
  yieldIdle(): boolean;
  /** There may be room now. */
  onRoom(): void;
}

/** Counts the instances of all revisions against one cap. */
export interface Capacity {
  /** Takes a place. Where there is none, asks others to yield an idle one, and calls `onRoom` when one is free. */
  take(tenant: Tenant): boolean;
  give(): void;
  join(tenant: Tenant): void;
  leave(tenant: Tenant): void;
}

export function createCapacity(max: number): Capacity {
  let used = 0;
  /** Places that are on their way back because somebody yielded. */
  let yielding = 0;
  const tenants = new Set<Tenant>();
  const waiting = new Set<Tenant>();

  const askForOne = (asking: Tenant): void => {
    if (yielding >= waiting.size) return;
    for (const other of tenants) {
      if (other === asking || !other.yieldIdle()) continue;
      yielding += 1;
      return;
    }
  };
  return {
    take(tenant) {
      waiting.delete(tenant);
      if (used < max) {
        used += 1;
        return true;
      }
      waiting.add(tenant);
      askForOne(tenant);
      return false;
    },
    give() {
      used -= 1;
      yielding = Math.max(0, yielding - 1);
      // Whoever waits longest may want it no more: then the next one is asked.
      for (const next of waiting) {
        if (used >= max) return;
        waiting.delete(next);
        next.onRoom();
      }
    },
    join: (tenant) => void tenants.add(tenant),
    leave(tenant) {
      tenants.delete(tenant);
      waiting.delete(tenant);
    },
  };
}
