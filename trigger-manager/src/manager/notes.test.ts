import type { Store, TriggerNote } from "@hanzo-fn/store";
import { silentLogger } from "@hanzo-fn/telemetry";
import { createFakeClock } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { createNotes } from "./notes.ts";

it("what was seen is written once a second, and again with what came since where that failed", async () => {
  const clock = createFakeClock();
  const written: (readonly TriggerNote[])[] = [];
  let away = false;
  const note = (notes: readonly TriggerNote[]): Promise<void> => {
    if (away) return Promise.reject(new Error("no database"));
    written.push(notes);
    return Promise.resolve();
  };
  const notes = createNotes({ store: { triggers: { note } } as unknown as Store, clock, log: silentLogger });
  const stop = new AbortController();
  const done = notes.run(stop.signal);
  notes.add({ id: "a", lastError: "boom" });
  notes.add({ id: "a", blocked: "full" });
  notes.add({ id: "b" });
  await clock.advance(1000);
  expect(written).toEqual([[{ id: "a", lastError: "boom", blocked: "full" }, { id: "b" }]]);
  away = true;
  notes.add({ id: "a", lastError: "again" });
  await clock.advance(1000);
  notes.add({ id: "a", lastError: null });
  away = false;
  await clock.advance(1000);
  expect(written.slice(1)).toEqual([[{ id: "a", lastError: null }]]);
  stop.abort();
  await done;
});
