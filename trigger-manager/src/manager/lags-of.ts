import type { EventTrigger, Lag, Served } from "./kind.ts";

/** Asks for the lags of triggers, so many at once. One that cannot be read, or is not known, is left out. */
export async function lagsOf<T extends EventTrigger>(
  triggers: readonly Served<T>[],
  atOnce: number,
  read: (trigger: Served<T>) => Promise<Lag | undefined>,
): Promise<Map<string, Lag>> {
  const lags = new Map<string, Lag>();
  const left = triggers.values();
  const work = async (): Promise<void> => {
    for (const trigger of left) {
      const lag = await read(trigger).catch(() => undefined);
      if (lag !== undefined) lags.set(trigger.id, lag);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, triggers.length) }, work));
  return lags;
}
