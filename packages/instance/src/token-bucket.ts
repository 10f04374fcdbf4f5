/** Tokens that come back over time; `now` is monotonic milliseconds. */
export interface TokenBucket {
  take(count: number, nowMs: number): boolean;
}

/** A request larger than the burst is granted when the bucket is full, so that nothing waits for ever. */
export function createTokenBucket(perSecond: number, burst: number): TokenBucket {
  let tokens = burst;
  let lastMs: number | undefined;
  return {
    take(count, nowMs) {
      tokens = Math.min(burst, tokens + ((nowMs - (lastMs ?? nowMs)) * perSecond) / 1000);
      lastMs = nowMs;
      if (tokens < Math.min(count, burst)) return false;
      tokens -= count;
      return true;
    },
  };
}
