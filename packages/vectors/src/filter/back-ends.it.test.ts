import { printFilter, readFilter } from "@hanzo-fn/contract/layer";
import { systemClock } from "@hanzo-fn/lifecycle";
import { openStore, paddedId } from "@hanzo-fn/store";
import { createTestDatabase, recordingLog, seededBelow } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { compileFilter } from "./compile.ts";
import { RandomFilters } from "./random-filter.ts";

const ROWS = 60;
const FILTERS = 400;

test.each(["uint", "string"] as const)(
  "the wire's form, PostgreSQL and the function agree on random rows and filters, ids of type %s",
  async (idType) => {
    await using database = await createTestDatabase();
    await using store = await openStore({ database, log: recordingLog(), clock: systemClock });
    const seed = Number(process.env["FILTER_SEED"] ?? 20_261_122);
    const random = new RandomFilters(seededBelow(seed));
    const rows = Array.from({ length: ROWS }, (_, i) => ({
      id: idType === "uint" ? i : (["a", "A", "ab", "\u{FFFD}", "\u{1F600}"][i] ?? `row-${i}`),
      attributes: random.attributes(),
    }));
    const kept = rows.map(({ id, attributes }) => ({
      id: typeof id === "number" ? paddedId(id) : id,
      attributes: Object.fromEntries(Object.entries(attributes).filter(([, value]) => value !== null)),
      vector: null,
    }));
    const namespace = await store.withTransaction(async ({ vectors }) => {
      const { id } = await vectors.hold("acme", "n");
      const version = await vectors.advance(id, { idType });
      await vectors.put(id, version, kept);
      return vectors.hold("acme", "n");
    });
    expect(namespace).toMatchObject({ rowCount: ROWS, idType });

    let exactly = 0;
    let some = 0;
    for (let i = 0; i < FILTERS; i++) {
      const wire = random.filter(3);
      const filter = readFilter(wire);
      expect(readFilter(printFilter(filter)), JSON.stringify(wire)).toEqual(filter);
      const holds = compileFilter(filter);
      const wanted = rows.filter(holds).map(({ id }) => (typeof id === "number" ? paddedId(id) : id));
      const page = await store.vectors.page(namespace, {
        filter,
        limit: ROWS,
        attributes: false,
        vectors: false,
      });
      const found = page.rows.map(({ id }) => id);
      const shown = JSON.stringify([seed, wire]);
      if (page.exact) expect(found.toSorted(), shown).toEqual(wanted.toSorted());
      else expect(found, shown).toEqual(expect.arrayContaining(wanted));
      const count = await store.vectors.count(namespace, filter);
      expect(count, shown).toBe(page.exact ? wanted.length : undefined);
      if (page.exact) exactly++;
      if (wanted.length > 0 && wanted.length < ROWS) some++;
    }
    // Filters that hold of nothing or of everything, or that PostgreSQL is never asked, would prove little.
    expect(exactly).toBeGreaterThan(FILTERS / 3);
    expect(some).toBeGreaterThan(FILTERS / 3);
  },
);
