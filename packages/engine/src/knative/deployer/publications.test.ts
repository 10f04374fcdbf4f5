import { PlatformError } from "@hanzo-fn/contract";
import { createFakeClock, settle } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { createPublications } from "./publications.ts";
import type { Published } from "../publish.ts";
import { revision } from "../test-wishes.ts";

const PUBLISHED: Published = { image: "r@sha256:a", phasesMs: {}, warnings: [] };
const away = new PlatformError("registry_unreachable", "away");

function setup(answers: (Published | Error)[]) {
  const clock = createFakeClock();
  const signals: AbortSignal[] = [];
  let changes = 0;
  const publications = createPublications({
    clock,
    onChange: () => void (changes += 1),
    publish(_, signal) {
      signals.push(signal);
      const answer = answers.shift();
      if (answer === undefined) return new Promise(() => {});
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    },
  });
  return { clock, publications, signals, changes: () => changes };
}

describe("a publication", () => {
  const one = revision(1);
  const { key } = one.ref;

  it("runs once however often it is begun, and tells of its end", async () => {
    const { publications, signals, changes } = setup([PUBLISHED]);
    publications.begin(one, 1000);
    publications.begin(one, 1000);
    expect(publications.get(key)).toEqual({ state: "running" });
    await settle();
    expect(publications.get(key)).toEqual({ state: "done", published: PUBLISHED });
    publications.begin(one, 1000);
    expect(signals).toHaveLength(1);
    expect(changes()).toBe(2);
  });

  it("that may come right is tried again, and says what it waits for", async () => {
    const { clock, publications } = setup([away, away, PUBLISHED]);
    publications.begin(one, 60_000);
    await settle();
    expect(publications.get(key)).toEqual({ state: "running", waiting: away });
    await clock.advance(2000);
    expect(publications.get(key)).toMatchObject({ state: "done" });
  });

  it("fails at once where another try would end the same", async () => {
    const error = new PlatformError("build_failed", "a type is missing");
    const { clock, publications, signals } = setup([error, PUBLISHED]);
    publications.begin(one, 60_000);
    await settle();
    expect(publications.get(key)).toEqual({ state: "failed", error, atMs: 0 });
    publications.begin(one, 60_000);
    await clock.advance(60_000);
    publications.begin(one, 60_000);
    expect(signals).toHaveLength(1);
  });

  it("that failed is made again for a revision that was ready before, after a while", async () => {
    const { clock, publications } = setup([
      new PlatformError("build_failed", "a type is missing"),
      PUBLISHED,
    ]);
    const proven = revision(1, { proven: true });
    publications.begin(proven, 60_000);
    await settle();
    publications.begin(proven, 60_000);
    expect(publications.get(key)).toMatchObject({ state: "failed" });
    await clock.advance(60_000);
    publications.begin(proven, 60_000);
    await settle();
    expect(publications.get(key)).toMatchObject({ state: "done" });
  });

  it("fails after the deadline, but goes on for a revision that was ready before", async () => {
    const failing = Array.from({ length: 100 }, () => away);
    const { clock, publications } = setup([...failing]);
    publications.begin(one, 5000);
    await clock.advance(30_000);
    expect(publications.get(key)).toMatchObject({ state: "failed", error: away });
    const patient = setup([...failing]);
    patient.publications.begin(revision(1, { proven: true }), 5000);
    await patient.clock.advance(600_000);
    expect(patient.publications.get(key)).toMatchObject({ state: "running", waiting: away });
  });

  it("is broken off and forgotten when nobody wishes for it", async () => {
    const { publications, signals } = setup([]);
    publications.begin(one, 1000);
    await settle();
    publications.forget(key);
    expect(signals[0]?.aborted).toBe(true);
    expect(publications.get(key)).toBeUndefined();
  });
});
