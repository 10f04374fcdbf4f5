import type { Clock, Service } from "@hanzo-fn/lifecycle";
import type { Logger } from "@hanzo-fn/telemetry";

export interface UpkeepDependencies {
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

/** What is to be done again and again, by its name; one that fails is tried again the next time. */
export type Chores = Readonly<Record<string, (signal: AbortSignal) => Promise<unknown>>>;

const EVERY_MS = 60_000;

/** Removes what time has ended: once at the start, then every minute. Any number of replicas do so. */
export function createUpkeep(name: string, chores: Chores, { clock, log }: UpkeepDependencies): Service {
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  const attempt = async (chore: string, work: (signal: AbortSignal) => Promise<unknown>): Promise<void> => {
    try {
      await work(signal);
    } catch (error) {
      if (!signal.aborted) log.warn("a chore was not done this time", { error, of: name, chore });
    }
  };
  const run = async (): Promise<void> => {
    while (!signal.aborted) {
      for (const [chore, work] of Object.entries(chores)) await attempt(chore, work);
      await clock.sleep(EVERY_MS, signal).catch(() => {});
    }
  };
  return {
    name,
    start() {
      running ??= run();
      return Promise.resolve();
    },
    async stop() {
      stopping.abort(new Error(`${name} is stopping`));
      await running;
    },
  };
}
