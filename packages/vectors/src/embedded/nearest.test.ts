import { seeded } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { Nearest, prepared, rowDistance } from "./nearest.ts";

describe("Nearest", () => {
  it("keeps what sorting would, ties in the order of offering", () => {
    const random = seeded(7);
    for (const limit of [1, 2, 7, 64]) {
      const offered = Array.from({ length: 200 }, (_, item) => ({
        distance: Math.floor(random() * 40),
        item,
      }));
      const nearest = new Nearest<number>(limit);
      for (const { distance, item } of offered) nearest.offer(distance, item);
      const wanted = offered.toSorted((a, b) => a.distance - b.distance || a.item - b.item).slice(0, limit);
      expect(nearest.taken().map(({ distance, item }) => ({ distance, item }))).toEqual(wanted);
    }
  });
});

describe("rowDistance", () => {
  const floats = new Float32Array([3, 4, 0, 0, 0, -2]);
  const of = (
    metric: "cosine_distance" | "euclidean_squared",
    query: readonly number[],
    from: number,
  ): number => rowDistance(metric, [prepared(metric, new Float32Array(query))], floats, from, from + 2);

  it("is 0 to 2 by the angle, whatever the lengths, and 1 to a vector without length", () => {
    expect(of("cosine_distance", [30, 40], 0)).toBeCloseTo(0);
    expect(of("cosine_distance", [-3, -4], 0)).toBeCloseTo(2);
    expect(of("cosine_distance", [0, 5], 4)).toBeCloseTo(2);
    expect(of("cosine_distance", [1, 1], 2)).toBe(1);
    expect(of("cosine_distance", [0, 0], 0)).toBe(1);
  });

  it("is the sum of squared differences", () => {
    expect(of("euclidean_squared", [0, 0], 0)).toBe(25);
    expect(of("euclidean_squared", [0, 1], 4)).toBe(9);
  });

  it("of several vectors adds up the nearest of each of the query's", () => {
    const queries = [new Float32Array([3, 4]), new Float32Array([0, -1])];
    expect(rowDistance("euclidean_squared", queries, floats, 0, 6)).toBe(0 + 1);
  });
});
