import type { Clock } from "@hanzo-fn/lifecycle";

export interface Ticking {
  /** False where time alone changes nothing for it any more: it is taken off. */
  tick(): boolean;
}

/** One timer for everything that has something to look at; none at all while nothing has. */
export interface Ticker {
  add(ticking: Ticking): void;
  has(ticking: Ticking): boolean;
  stop(): void;
}

export function createTicker(clock: Clock, everyMs: number): Ticker {
  const members = new Set<Ticking>();
  const stop = new AbortController();
  let running = false;
  const run = async (): Promise<void> => {
    if (running) return;
    running = true;
    while (members.size > 0 && !stop.signal.aborted) {
      await clock.sleep(everyMs, stop.signal).catch(() => undefined);
      for (const member of members) if (!member.tick()) members.delete(member);
    }
    running = false;
  };
  return {
    add(ticking) {
      members.add(ticking);
      void run();
    },
    has: (ticking) => members.has(ticking),
    stop() {
      stop.abort();
      members.clear();
    },
  };
}
