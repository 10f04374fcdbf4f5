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
  const tenants = new Set<Tenant>();
  const waiting = new Set<Tenant>();
  return {
    take(tenant) {
      if (used < max) {
        used += 1;
        waiting.delete(tenant);
        return true;
      }
      waiting.add(tenant);
      for (const other of tenants) if (other !== tenant && other.yieldIdle()) break;
      return false;
    },
    give() {
      used -= 1;
      const next = waiting.values().next().value;
      if (!next) return;
      waiting.delete(next);
      next.onRoom();
    },
    join: (tenant) => void tenants.add(tenant),
    leave(tenant) {
      tenants.delete(tenant);
      waiting.delete(tenant);
    },
  };
}
