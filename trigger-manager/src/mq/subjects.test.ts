import { subjectMatches } from "@hanzo-fn/brokers";
import { describe, expect, test } from "vitest";
import { subjectsOverlap, subjectWithin } from "./subjects.ts";

const TOKENS = ["a", "b", "*", ">"];
const patterns = TOKENS.flatMap((first) => [
  first,
  ...(first === ">"
    ? []
    : TOKENS.flatMap((second) => [
        `${first}.${second}`,
        ...(second === ">" ? [] : TOKENS.map((third) => `${first}.${second}.${third}`)),
      ])),
]);
const LETTERS = ["a", "b", "c"];
const subjects = LETTERS.flatMap((one) => [
  one,
  ...LETTERS.flatMap((two) => [
    `${one}.${two}`,
    ...LETTERS.flatMap((three) => [`${one}.${two}.${three}`, `${one}.${two}.${three}.c`]),
  ]),
]);

/** Pairs of patterns for which the answer is not what all subjects of three letters say. */
function wrong(
  answer: (one: string, other: string) => boolean,
  truth: (one: string, other: string) => boolean,
): string[] {
  return patterns.flatMap((one) =>
    patterns
      .filter((other) => answer(one, other) !== truth(one, other))
      .map((other) => `${one} and ${other}`),
  );
}

describe("two patterns of subjects", () => {
  test("overlap exactly where some subject falls under both", () => {
    const both = (one: string, other: string): boolean =>
      subjects.some((subject) => subjectMatches(one, subject) && subjectMatches(other, subject));
    expect(wrong(subjectsOverlap, both)).toEqual([]);
  });

  test("are one within the other exactly where every subject of the one falls under the other", () => {
    const all = (inner: string, outer: string): boolean =>
      subjects.every((subject) => !subjectMatches(inner, subject) || subjectMatches(outer, subject));
    expect(wrong(subjectWithin, all)).toEqual([]);
  });
});
