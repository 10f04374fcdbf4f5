import { expect, it } from "vitest";
import { excerptOf } from "./excerpt.ts";

const TEXT = "one\ntwo\n\tthree = 3\nfour\nfive\nsix";

it("shows the lines around with their numbers, and marks the column behind tabs", () => {
  expect(excerptOf(TEXT, 3, 2)).toBe(
    ["  1 | one", "  2 | two", "> 3 |     three = 3", "    |     ^", "  4 | four", "  5 | five"].join("\n"),
  );
});

it("shows what there is at the edges, and nothing beyond", () => {
  expect(excerptOf(TEXT, 1)).toBe("> 1 | one\n  2 | two\n  3 |     three = 3");
  expect(excerptOf(TEXT, 6, 99)).toContain("> 6 | six");
  expect(excerptOf(TEXT, 7)).toBeUndefined();
  expect(excerptOf(TEXT, 0)).toBeUndefined();
});
