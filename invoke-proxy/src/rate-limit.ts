import type { RateLimit } from "@hanzo-fn/contract";

/**
 * One key's sliding window: the calls of the current fixed window, and those of the one before, which count by
 * the part of it that the sliding window still covers.
 */
export interface Window {
  startMs: number;
  current: number;
  previous: number;
}

export function newWindow(): Window {
  return { startMs: -Infinity, current: 0, previous: 0 };
}

function slide(window: Window, limit: RateLimit, nowMs: number): boolean {
  const age = nowMs - window.startMs;
  if (age < limit.windowMs) return false;
  window.previous = age < 2 * limit.windowMs ? window.current : 0;
  window.current = 0;
  window.startMs = nowMs - (nowMs % limit.windowMs);
  return true;
}

/** Calls that the window ending now has seen; `slide` came first. */
function used(window: Window, limit: RateLimit, nowMs: number): number {
  const covered = 1 - (nowMs - window.startMs) / limit.windowMs;
  return window.current + window.previous * Math.max(0, covered);
}

/**
 * Counts one call in `window`, or refuses it. The count of the window before is spread evenly over its length,
 * which is what makes two numbers per key enough.
 */
export function take(window: Window, limit: RateLimit, nowMs: number): boolean {
  slide(window, limit, nowMs);
  if (used(window, limit, nowMs) + 1 > limit.count) return false;
  window.current++;
  return true;
}

/** Calls left right now. */
export function remaining(window: Window, limit: RateLimit, nowMs: number): number {
  return Math.max(0, Math.floor(limit.count - used(window, limit, nowMs)));
}

/** Whole seconds until the fixed window ends. */
export function resetSeconds(window: Window, limit: RateLimit, nowMs: number): number {
  return Math.max(1, Math.ceil((window.startMs + limit.windowMs - nowMs) / 1000));
}

/** Whole seconds until one more call may pass, at least 1. */
export function retryAfterSeconds(window: Window, limit: RateLimit, nowMs: number): number {
  const windowEnd = window.startMs + limit.windowMs;
  const room = limit.count - 1;
  // In this window, as the one before slides out of it; else in the next, as this one slides out of that.
  const inWindow = (count: number, startMs: number, base: number): number =>
    count === 0 ? startMs : startMs + (1 - (room - base) / count) * limit.windowMs;
  const atMs =
    window.current <= room
      ? inWindow(window.previous, window.startMs, window.current)
      : inWindow(window.current, windowEnd, 0);
  return Math.max(1, Math.ceil((atMs - nowMs) / 1000));
}

/** The windows of one route. */
export interface RouteLimiter {
  readonly limit: RateLimit;
  readonly windows: Map<string, Window>;
}

export interface RateLimiter {
  /** The limiter of a trigger; kept across changes of the route as long as the limit is the same. */
  forRoute(triggerKey: string, limit: RateLimit): RouteLimiter;
  window(limiter: RouteLimiter, key: string): Window;
  forget(triggerKey: string): void;
  /** Drops what no longer counts. */
  sweep(nowMs: number): void;
  readonly size: number;
}

/** Bounded by `maxKeys` over all routes: beyond it the window that was opened first is forgotten. */
export function createRateLimiter(options: { readonly maxKeys: number }): RateLimiter {
  const routes = new Map<string, RouteLimiter>();
  let size = 0;
  const evictFrom = (windows: Map<string, Window>): boolean => {
    const oldest = windows.keys().next();
    if (oldest.done) return false;
    windows.delete(oldest.value);
    size--;
    return true;
  };
  const evictSome = (own: Map<string, Window>): void => {
    if (evictFrom(own)) return;
    for (const { windows } of routes.values()) if (evictFrom(windows)) return;
  };
  return {
    forRoute(triggerKey, limit) {
      const known = routes.get(triggerKey);
      if (known && known.limit.count === limit.count && known.limit.windowMs === limit.windowMs) return known;
      if (known) size -= known.windows.size;
      const made: RouteLimiter = { limit, windows: new Map() };
      routes.set(triggerKey, made);
      return made;
    },
    window(limiter, key) {
      let window = limiter.windows.get(key);
      if (window === undefined) {
        if (size >= options.maxKeys) evictSome(limiter.windows);
        window = newWindow();
        limiter.windows.set(key, window);
        size++;
      }
      return window;
    },
    forget(triggerKey) {
      const known = routes.get(triggerKey);
      if (!known) return;
      size -= known.windows.size;
      known.windows.clear();
      routes.delete(triggerKey);
    },
    sweep(nowMs) {
      for (const { limit, windows } of routes.values()) {
        for (const [key, window] of windows) {
          if (nowMs - window.startMs < 2 * limit.windowMs) continue;
          windows.delete(key);
          size--;
        }
      }
    },
    get size() {
      return size;
    },
  };
}
