/** Hands out uids that belong to one instance at a time; undefined when all are taken. */
export interface UidPool {
  take(): number | undefined;
  give(uid: number): void;
}

export function createUidPool(range: { readonly base: number; readonly count: number } | undefined): UidPool {
  const free: number[] = [];
  for (let i = (range?.count ?? 0) - 1; i >= 0; i--) free.push((range?.base ?? 0) + i);
  return {
    take: () => free.pop(),
    // The one given back last is taken last: what it left in shared places is likely to be noticed first.
    give: (uid) => void free.unshift(uid),
  };
}
