import type { Clock } from "@hanzo-fn/lifecycle";
import type { Store, TriggerNote } from "@hanzo-fn/store";
import type { Logger } from "@hanzo-fn/telemetry";

export interface NotesDependencies {
  readonly store: Pick<Store, "triggers">;
  readonly clock: Clock;
  readonly log: Pick<Logger, "warn">;
}

/** What was seen of triggers, written down once a second however often it was seen. */
export interface Notes {
  add(note: TriggerNote): void;
  /** Writes what there is. */
  flush(): Promise<void>;
  run(signal: AbortSignal): Promise<void>;
}

const EVERY_MS = 1000;
const AT_ONCE = 500;

export function createNotes({ store, clock, log }: NotesDependencies): Notes {
  let notes = new Map<string, TriggerNote>();
  const add = (note: TriggerNote): void => void notes.set(note.id, { ...notes.get(note.id), ...note });
  const flush = async (): Promise<void> => {
    const taken = [...notes.values()];
    notes = new Map();
    for (let i = 0; i < taken.length; i += AT_ONCE) {
      const batch = taken.slice(i, i + AT_ONCE);
      try {
        await store.triggers.note(batch);
      } catch (error) {
        // What was seen since is newer.
        const newer = notes;
        notes = new Map(taken.slice(i).map((note) => [note.id, note]));
        for (const note of newer.values()) add(note);
        throw error;
      }
    }
  };
  return {
    add,
    flush,
    async run(signal) {
      while (!signal.aborted) {
        await clock.sleep(EVERY_MS, signal).catch(() => {});
        await flush().catch((error: unknown) =>
          log.warn("states of triggers were not written this time", { error }),
        );
      }
    },
  };
}
