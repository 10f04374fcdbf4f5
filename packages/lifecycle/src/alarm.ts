import type { Clock } from "./clock.ts";

/** Rings at the earliest of the times that it was set to since it rang last. */
export interface Alarm {
  /** @param at milliseconds of the monotonic clock */
  set(at: number): void;
  clear(): void;
}

/** Nobody sees it; without one every abort makes an error of its own, with a stack. */
const CLEARED = new Error("the alarm was cleared");

export function createAlarm(clock: Pick<Clock, "monotonic" | "sleep">, ring: () => void): Alarm {
  let next: { readonly at: number; readonly cancel: AbortController } | undefined;
  const clear = (): void => {
    next?.cancel.abort(CLEARED);
    next = undefined;
  };
  return {
    set(at) {
      if (next !== undefined && next.at <= at) return;
      clear();
      const mine = { at, cancel: new AbortController() };
      next = mine;
      const rings = (): void => {
        if (next === mine) next = undefined;
        ring();
      };
      clock.sleep(Math.max(0, at - clock.monotonic()), mine.cancel.signal).then(rings, () => {});
    },
    clear,
  };
}

/** Runs `run` after `ms`, at once where that is not positive, and not at all once the signal aborts. */
export function runAfter(
  clock: Pick<Clock, "sleep">,
  ms: number,
  signal: AbortSignal,
  run: () => void,
): void {
  if (ms <= 0) run();
  else clock.sleep(ms, signal).then(run, () => {});
}
