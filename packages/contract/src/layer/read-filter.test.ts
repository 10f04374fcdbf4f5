import { describe, expect, it } from "vitest";
import type { PlatformError } from "../errors.ts";
import { printFilter, readFilter } from "./read-filter.ts";

function refusal(value: unknown): string {
  try {
    readFilter(value);
    return "";
  } catch (error) {
    expect((error as PlatformError).code).toBe("validation_error");
    return (error as PlatformError).message;
  }
}

describe("readFilter", () => {
  it("takes And and Or with one list, or with the filters themselves", () => {
    const [a, b] = [
      ["a", "Eq", 1],
      ["b", "Eq", null],
    ];
    const both = { all: [readFilter(a), readFilter(b)] };
    expect(readFilter(["And", [a, b]])).toEqual(both);
    expect(readFilter(["And", a, b])).toEqual(both);
    expect(readFilter(["And", a])).toEqual({ all: [readFilter(a)] });
    expect(readFilter(["And", [a]])).toEqual({ all: [readFilter(a)] });
    expect(readFilter(["Or", []])).toEqual({ any: [] });
    expect(readFilter(["Not", ["Or", a, b]])).toEqual({ not: { any: both.all } });
  });

  it("takes attributes of any name", () => {
    expect(readFilter(["And", "Eq", 1])).toEqual({ attribute: "And", is: { op: "Eq", value: 1 } });
    expect(readFilter(["Not", "In", [1]])).toEqual({ attribute: "Not", is: { op: "In", values: [1] } });
  });

  it("keeps texts as a row would keep them", () => {
    expect(readFilter(["a", "Eq", "x\0\uD800"])).toEqual({
      attribute: "a",
      is: { op: "Eq", value: "x\u{FFFD}\u{FFFD}" },
    });
  });

  it("reads what it prints", () => {
    const fuzzy = ["a", "Fuzzy", "word", { max_edit_distance: [{ min_query_chars: 4, distance: 1 }] }];
    const words = ["a", "ContainsAllTokens", "Some Words", { last_as_prefix: true }];
    const filter = readFilter(["And", [fuzzy, words, ["Not", ["a", "Glob", "x*"]]]]);
    expect(readFilter(printFilter(filter))).toEqual(filter);
    expect(JSON.stringify(filter)).toContain('["some","words"]');
  });

  it.each<[string, unknown, string]>([
    ["no list", { a: 1 }, "the filter is [attribute, operator, value]"],
    ["an unknown operator", ["a", "Equals", 1], "the filter knows the operators Eq, NotEq"],
    ["no operand", ["a", "Eq"], "the filter is [attribute, operator, value]"],
    ["too many parts", ["a", "Eq", 1, 2, 3], "the filter is [attribute, operator, value]"],
    ["an object", ["a", "Eq", {}], "the filter compares with null"],
    ["a list in a list", ["a", "In", [[[1]]]], "the filter compares with a string"],
    ["no list for In", ["a", "In", 1], "the filter takes a list here (at [2])"],
    ["an order of flags", ["a", "Lt", true], "the filter compares with a string or a number here"],
    ["no words", ["a", "ContainsAnyToken", "..."], "the filter needs a word here"],
    ["no number of edits", ["a", "Fuzzy", "x", {}], "the filter takes {max_edit_distance"],
    ["a pattern without end", ["a", "Regex", "x".repeat(2000)], "the filter takes at most 1024 characters"],
    [
      "many values",
      ["a", "In", Array.from({ length: 10_001 }, () => 1)],
      "the filter takes at most 10000 values",
    ],
    [
      "many conditions",
      ["Or", Array.from({ length: 1001 }, () => ["a", "Eq", 1])],
      "the filter has more than 1000",
    ],
  ])("refuses %s, with the place", (_, value, rule) => {
    expect(refusal(value)).toContain(rule);
  });

  it("refuses a filter that is nested 100 deep", () => {
    let filter: unknown = ["a", "Eq", 1];
    for (let i = 0; i < 100; i++) filter = ["Not", filter];
    expect(refusal(filter)).toBe("the filter is more than 64 levels deep");
  });

  it("says which operator was meant", () => {
    try {
      readFilter(["a", "eq", 1]);
    } catch (error) {
      expect((error as PlatformError).details?.[0]?.suggestion).toBe("did you mean `Eq`?");
    }
    expect.assertions(1);
  });
});
