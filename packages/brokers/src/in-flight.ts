import { PlatformError } from "@hanzo-fn/contract";

/** Calls that a `close` waits for; none begins after it. */
export interface InFlight {
  run<T>(work: () => Promise<T>): Promise<T>;
  close(end: () => Promise<void>): Promise<void>;
}

export function createInFlight(broker: string): InFlight {
  const running = new Set<Promise<unknown>>();
  let closing: Promise<void> | undefined;
  return {
    async run(work) {
      if (closing) {
        throw new PlatformError("unavailable", `the connection to ${broker} is closed`, {
          component: "brokers",
        });
      }
      const call = work();
      running.add(call);
      try {
        return await call;
      } finally {
        running.delete(call);
      }
    },
    close(end) {
      closing ??= Promise.allSettled(running).then(end);
      return closing;
    },
  };
}
