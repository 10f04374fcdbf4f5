import { expect, it } from "vitest";
import { parseRange } from "./content.ts";

it.each([
  ["bytes=0-0", { start: 0, end: 0 }],
  ["bytes=5-9", { start: 5, end: 9 }],
  ["bytes=5-", { start: 5 }],
  ["bytes=-5", { suffix: 5 }],
  [" bytes=1-2 ", { start: 1, end: 2 }],
])("%s is a range", (header, range) => {
  expect(parseRange(header)).toEqual(range);
});

it.each([
  undefined,
  "",
  "bytes=",
  "bytes=-",
  "bytes=9-5",
  "bytes=0-1,3-4",
  "lines=0-1",
  "bytes=a-b",
  "bytes=0-1 x",
  `bytes=${"9".repeat(16)}-`,
])("%s is none, and the whole is given", (header) => {
  expect(parseRange(header)).toBeUndefined();
});
