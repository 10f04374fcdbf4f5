/** Whole and byte by byte; `corpus-cuts.it.test.ts` cuts each message at every byte. */
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { corpusFiles } from "./corpus/files.ts";
import type { Case } from "./corpus/cases.ts";
import { bytesOf, INVALID_REQUESTS, INVALID_RESPONSES, VALID_REQUESTS, VALID_RESPONSES } from "./corpus.ts";
import { type Comparison, compareRequest, compareResponse } from "./differential.ts";
import { pieces, singleBytes } from "./messages.ts";
import { kindOf, wrong } from "./verdicts.ts";

type Compare = (buffer: Buffer, ends: readonly number[]) => Comparison;

/** What is wrong with a valid message, per way of cutting it; empty when nothing is. */
function problems(one: Case, compare: Compare): string[] {
  const buffer = bytesOf(one);
  const size = buffer.length;
  const ways = { whole: pieces(size), "byte by byte": singleBytes(size) };
  return Object.entries(ways).flatMap(([how, ends]) => {
    const problem = wrong(compare(buffer, ends), size);
    return problem === undefined ? [] : [`${how}: ${problem}`];
  });
}

function repeated(cases: readonly Case[]): string[] {
  const keys = cases.map((one) => JSON.stringify({ ...one, name: "" }));
  return keys.filter((key, index) => keys.indexOf(key) !== index);
}

describe("the corpus", () => {
  it("is what its case lists generate", () => {
    for (const [name, content] of corpusFiles()) {
      const committed = readFileSync(new URL(`corpus/${name}`, import.meta.url), "utf8");
      expect(committed === content, `${name} differs: run test/corpus/generate.ts`).toBe(true);
    }
  });

  it("holds at least 300 valid and 150 invalid messages, no two alike", () => {
    const valid = [...VALID_REQUESTS, ...VALID_RESPONSES];
    const invalid = [...INVALID_REQUESTS, ...INVALID_RESPONSES];
    expect(valid.length).toBeGreaterThanOrEqual(300);
    expect(invalid.length).toBeGreaterThanOrEqual(150);
    expect(repeated(valid)).toEqual([]);
    expect(repeated(invalid)).toEqual([]);
  });
});

describe("valid requests, whole and byte by byte", () => {
  it.each(VALID_REQUESTS.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    expect(problems(one, compareRequest)).toEqual([]);
  });
});

describe("valid responses, whole and byte by byte", () => {
  it.each(VALID_RESPONSES.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    expect(problems(one, (buffer, ends) => compareResponse(buffer, ends, one))).toEqual([]);
  });
});

describe("invalid requests", () => {
  it.each(INVALID_REQUESTS.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    const buffer = bytesOf(one);
    const whole = compareRequest(buffer, pieces(buffer.length)).ours;
    expect(whole).toMatchObject({ kind: "refused", code: one.error });
    const single = compareRequest(buffer, singleBytes(buffer.length)).ours;
    expect(single).toMatchObject({ kind: "refused" });
  });
});

describe("invalid responses", () => {
  it.each(INVALID_RESPONSES.map((one) => [one.name, one] as const))("%s", (_name, one) => {
    const buffer = bytesOf(one);
    const read = (ends: readonly number[]) => kindOf(compareResponse(buffer, ends, one), buffer.length);
    const whole = compareResponse(buffer, pieces(buffer.length), one).ours;
    expect(whole.kind === "refused" ? whole.code : one.error).toBe(one.error);
    const kind = read(pieces(buffer.length));
    expect(kind).not.toBe("message");
    expect(read(singleBytes(buffer.length))).toBe(kind);
  });
});
