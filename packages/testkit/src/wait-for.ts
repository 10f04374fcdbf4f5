import { setTimeout as sleep } from "node:timers/promises";

export interface WaitOptions {
  readonly timeoutMs?: number | undefined;
  readonly everyMs?: number | undefined;
}

/** Asks until the answer is neither undefined nor false; rejects with `what` at the deadline (30 s where not given). */
export async function waitFor<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  options: WaitOptions = {},
): Promise<T> {
  const end = performance.now() + (options.timeoutMs ?? 30_000);
  for (;;) {
    const answer = await ask();
    if (answer !== undefined && answer !== false) return answer;
    if (performance.now() > end) throw new Error(`waited in vain for: ${what}`);
    await sleep(options.everyMs ?? 10);
  }
}
