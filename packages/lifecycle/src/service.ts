/** A long-lived thing. `start` resolves when it serves; `stop` resolves when nothing of it is left. Both are idempotent. */
export interface Service {
  readonly name: string;
  start(signal: AbortSignal): Promise<void>;
  /** Stops; work still running after `graceMs` is cut. */
  stop(graceMs: number): Promise<void>;
}

/** Starts in order; stops in reverse order in one grace period. A failed start stops what had started. */
export function createGroup(
  services: readonly Service[],
  now: () => number = () => performance.now(),
): Service {
  const started: Service[] = [];
  let stopping: Promise<void> | undefined;
  const stopAll = async (graceMs: number): Promise<void> => {
    const end = now() + graceMs;
    const failures: unknown[] = [];
    for (let service = started.pop(); service; service = started.pop()) {
      try {
        await service.stop(Math.max(0, end - now()));
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length === 1) throw failures[0];
    if (failures.length > 1) throw new AggregateError(failures, "several services failed to stop");
  };
  return {
    name: "group",
    async start(signal) {
      for (const service of services) {
        try {
          signal.throwIfAborted();
          await service.start(signal);
          started.push(service);
        } catch (error) {
          await stopAll(1000);
          throw error;
        }
      }
    },
    stop(graceMs) {
      stopping ??= stopAll(graceMs);
      return stopping;
    },
  };
}
