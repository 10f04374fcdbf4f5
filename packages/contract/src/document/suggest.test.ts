import { describe, expect, it } from "vitest";
import { nearest } from "./suggest.ts";

describe("nearest", () => {
  const known = ["memory", "concurrency", "timeout", "min_instances", "max_instances", "GET"];

  it.each([
    ["memroy", "memory"],
    ["timout", "timeout"],
    ["minInstances", "min_instances"],
    ["max-instances", "max_instances"],
    ["get", "GET"],
  ])("takes %s for %s", (word, expected) => {
    expect(nearest(word, known)).toBe(expected);
  });

  it("suggests nothing for a word that is far from all", () => {
    expect(nearest("replicas", known)).toBeUndefined();
  });

  it("does not compare very long words", () => {
    expect(nearest("m".repeat(100_000), known)).toBeUndefined();
  });
});
