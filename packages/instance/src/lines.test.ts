import { describe, expect, it } from "vitest";
import { createLineSplitter } from "./lines.ts";

function collect(maxBytes = 10): {
  lines: [string, boolean][];
  splitter: ReturnType<typeof createLineSplitter>;
} {
  const lines: [string, boolean][] = [];
  return { lines, splitter: createLineSplitter(maxBytes, (line, cut) => lines.push([line, cut])) };
}

describe("the line splitter", () => {
  it("finds the same lines wherever the stream is cut", () => {
    const text = Buffer.from("one\n\nzwölf\nthree\nrest");
    for (let at = 0; at <= text.length; at++) {
      const { lines, splitter } = collect();
      splitter.push(text.subarray(0, at));
      splitter.push(text.subarray(at));
      splitter.end();
      expect(lines).toEqual([
        ["one", false],
        ["", false],
        ["zwölf", false],
        ["three", false],
        ["rest", false],
      ]);
    }
  });

  it("cuts a long line once and goes on with the next one, wherever the stream is cut", () => {
    const text = Buffer.from("0123456789abcdef\nnext\n");
    for (let at = 0; at <= text.length; at++) {
      const { lines, splitter } = collect();
      splitter.push(text.subarray(0, at));
      splitter.push(text.subarray(at));
      expect(lines).toEqual([
        ["0123456789", true],
        ["next", false],
      ]);
    }
  });

  it("does not cut a line of exactly the limit", () => {
    const { lines, splitter } = collect();
    splitter.push(Buffer.from("0123456789\n"));
    expect(lines).toEqual([["0123456789", false]]);
  });

  it("holds no more than one line of an endless one", () => {
    const { lines, splitter } = collect();
    for (let i = 0; i < 1000; i++) splitter.push(Buffer.alloc(1000, "x"));
    splitter.end();
    expect(lines).toEqual([["xxxxxxxxxx", true]]);
  });
});
