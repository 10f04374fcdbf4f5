/** One measured stretch of time; `index` counts stretches since the epoch. */
interface Bucket {
  readonly index: number;
  readonly value: number;
}

/** Mean concurrency per stretch of time, oldest first, without holes. */
export type Buckets = readonly Bucket[];

/**
 * Writes `value` for the stretches after `fromIndex` up to `toIndex`, and keeps the last `keep` of them. Where a
 * value is there already, by a poke, the larger one stays.
 */
export function recordBuckets(
  buckets: Buckets,
  value: number,
  range: { readonly fromIndex: number; readonly toIndex: number; readonly keep: number },
): Buckets {
  const { toIndex, keep } = range;
  const oldest = toIndex - keep + 1;
  const next = buckets.filter((bucket) => bucket.index >= oldest && bucket.index < toIndex);
  const before = buckets.find((bucket) => bucket.index === toIndex);
  const first = Math.max(
    oldest,
    Math.min(range.fromIndex + 1, toIndex),
    (next.at(-1)?.index ?? -Infinity) + 1,
  );
  for (let index = first; index < toIndex; index++) next.push({ index, value });
  next.push({ index: toIndex, value: Math.max(before?.value ?? 0, value) });
  return next;
}

/** The mean over the last `count` stretches, or over as many as have passed since the first one. */
export function windowAverage(buckets: Buckets, nowIndex: number, count: number): number {
  const first = buckets[0];
  if (!first) return 0;
  const oldest = nowIndex - count + 1;
  let sum = 0;
  for (const bucket of buckets) if (bucket.index >= oldest && bucket.index <= nowIndex) sum += bucket.value;
  return sum / Math.max(1, Math.min(count, nowIndex - first.index + 1));
}
