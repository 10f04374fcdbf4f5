/**
 * Bounds that a binomial count keeps to with at least 99.9 %: the normal approximation with z = 3.29 and the
 * continuity correction, which is generous for the counts of hundreds that it is used with.
 */
export function binomialBounds(n: number, p: number): { readonly low: number; readonly high: number } {
  const spread = 3.29 * Math.sqrt(n * p * (1 - p)) + 1;
  return { low: Math.floor(n * p - spread), high: Math.ceil(n * p + spread) };
}
