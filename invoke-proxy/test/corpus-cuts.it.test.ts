/** The corpus cut in two at every byte: seconds of work. `corpus.test.ts` reads it whole and byte by byte. */
import { expect, it } from "vitest";
import type { Case } from "./corpus/cases.ts";
import { bytesOf, INVALID_REQUESTS, INVALID_RESPONSES, VALID_REQUESTS, VALID_RESPONSES } from "./corpus.ts";
import { type Comparison, compareRequest, compareResponse } from "./differential.ts";
import { pieces } from "./messages.ts";
import { kindOf, wrong } from "./verdicts.ts";

/** Longer messages are refused for what is at their beginning. */
const MAX_CUTS = 400;

type Compare<T> = (buffer: Buffer, ends: readonly number[], one: T) => Comparison;

function cutsOf<T extends Case>(one: T, most: number, compare: Compare<T>) {
  const buffer = bytesOf(one);
  return Array.from({ length: Math.max(0, Math.min(buffer.length, most) - 1) }, (_, index) => ({
    where: `${one.name}, cut at ${index + 1}`,
    comparison: compare(buffer, pieces(buffer.length, index + 1), one),
    size: buffer.length,
  }));
}

function problems<T extends Case>(cases: readonly T[], compare: Compare<T>): string[] {
  return cases.flatMap((one) =>
    cutsOf(one, Infinity, compare).flatMap(({ where, comparison, size }) => {
      const problem = wrong(comparison, size);
      return problem === undefined ? [] : [`${where}: ${problem}`];
    }),
  );
}

it("valid requests are read alike, wherever they are cut", () => {
  expect(problems(VALID_REQUESTS, compareRequest)).toEqual([]);
});

it("valid responses are read alike, wherever they are cut", () => {
  expect(problems(VALID_RESPONSES, compareResponse)).toEqual([]);
});

it("invalid requests are refused, wherever they are cut", () => {
  const cuts = INVALID_REQUESTS.flatMap((one) => cutsOf(one, MAX_CUTS, compareRequest));
  expect(cuts.filter(({ comparison }) => comparison.ours.kind !== "refused")).toEqual([]);
});

it("invalid responses come to the same, wherever they are cut", () => {
  const others = INVALID_RESPONSES.flatMap((one) => {
    const buffer = bytesOf(one);
    const whole = kindOf(compareResponse(buffer, pieces(buffer.length), one), buffer.length);
    return cutsOf(one, MAX_CUTS, compareResponse).filter(
      ({ comparison, size }) => kindOf(comparison, size) !== whole,
    );
  });
  expect(others).toEqual([]);
});
