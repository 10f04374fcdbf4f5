/**
 * What the server needs on the way of a call, taken before user code runs: a function that replaces a built-in of its
 * process harms itself, not the platform's protocol.
 */
export const parseJson = JSON.parse;
export const encodeJson = JSON.stringify;
export const nowMs = Date.now;
export const random = Math.random;
export const startTimer = globalThis.setTimeout;
export const stopTimer = globalThis.clearTimeout;
export const SearchParams = URLSearchParams;
export const Controller = AbortController;

const clock = performance;
const readClock = performance.now;

/** Milliseconds since the process started. */
export function ticks(): number {
  return readClock.call(clock);
}
