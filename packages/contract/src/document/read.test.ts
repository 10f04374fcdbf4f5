import { describe, expect, it } from "vitest";
import { readYaml } from "./read.ts";

const MIB = 2 ** 20;
const read = (text: string) => readYaml(text, { maxBytes: MIB });
const rules = (text: string) => read(text).problems.map((problem) => problem.rule);

/** Of computing, whatever else the machine does; the attacks below took from seconds to forever before the bounds. */
const QUICK_MS = 2000;

function timed<T>(work: () => T): { result: T; ms: number } {
  const start = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(start);
  return { result, ms: (user + system) / 1000 };
}

describe("readYaml", () => {
  it("knows line and column of every key and value", () => {
    const document = read("a: 1\nb:\n  - x: y\n  - z\n");
    expect(document.value).toEqual({ a: 1, b: [{ x: "y" }, "z"] });
    expect(document.valueAt(["b", 0, "x"])).toEqual({ line: 3, column: 8 });
    expect(document.keyAt(["b", 0, "x"])).toEqual({ line: 3, column: 5 });
    expect(document.valueAt(["b", 1])).toEqual({ line: 4, column: 5 });
  });

  it("points at the nearest parent of what is missing", () => {
    expect(read("a:\n  b: {}\n").valueAt(["a", "b", "c"])).toEqual({ line: 2, column: 3 });
  });

  it("counts lines of CRLF text and after a byte order mark", () => {
    expect(read("a: 1\r\nb: 2\r\n").keyAt(["b"])).toEqual({ line: 2, column: 1 });
    expect(read("\uFEFFa: 1\n").value).toEqual({ a: 1 });
  });

  it("follows aliases and shows where the alias stands", () => {
    const document = read("a: &x {k: 1}\nb: *x\n");
    expect(document.value).toEqual({ a: { k: 1 }, b: { k: 1 } });
    expect(document.valueAt(["b"])).toEqual({ line: 2, column: 4 });
  });

  it("refuses 10 MB without parsing them", () => {
    const { result, ms } = timed(() => rules(`a: ${"x".repeat(10 * MIB)}`));
    expect(result).toEqual([`must be at most ${MIB} bytes, this one has ${10 * MIB + 3}`]);
    expect(ms).toBeLessThan(QUICK_MS);
  });

  it("counts bytes, not characters", () => {
    expect(readYaml(`a: ${"é".repeat(6)}`, { maxBytes: 14 }).problems).toHaveLength(1);
  });

  it("refuses a billion laughs", () => {
    const lines = ["a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol]"];
    for (let i = 1; i < 12; i++) {
      lines.push(`a${i}: &a${i} [${Array.from({ length: 9 }, () => `*a${i - 1}`).join(", ")}]`);
    }
    const { result, ms } = timed(() => rules(lines.join("\n")));
    expect(result).toEqual(["expands to too many values through its aliases"]);
    expect(ms).toBeLessThan(QUICK_MS);
  });

  it("refuses an alias that contains itself", () => {
    expect(rules("a: &a [*a]")).toEqual(["is nested too deeply"]);
  });

  it("reports an alias without an anchor", () => {
    expect(rules("a: *nowhere")).toEqual(["the anchor &nowhere is not defined before this"]);
  });

  it.each([
    ["1 MiB of [", "[".repeat(MIB - 1)],
    ["1 MiB of {", "{".repeat(MIB - 1)],
    ["compact sequences on one line", "- ".repeat(200_000)],
    ["explicit keys on one line", "? ".repeat(200_000)],
    ["1,400 indented maps", Array.from({ length: 1400 }, (_, i) => `${" ".repeat(i)}a:`).join("\n")],
  ])("refuses %s quickly", (_, text) => {
    const { result, ms } = timed(() => read(text));
    expect(result.problems.map((problem) => problem.rule)).toContain("is nested too deeply");
    expect(ms).toBeLessThan(QUICK_MS);
  });

  it("refuses a text of nothing but tokens", () => {
    const { result, ms } = timed(() => rules(`[${"1,".repeat(MIB / 2 - 2)}]`));
    expect(result).toEqual(["has more than 200000 YAML tokens"]);
    expect(ms).toBeLessThan(QUICK_MS);
  });

  it("reads 20,000 distinct keys without comparing each with each", () => {
    const text = Array.from({ length: 20_000 }, (_, i) => `k${i}: 1`).join("\n");
    const { result, ms } = timed(() => read(text));
    expect(result.problems).toEqual([]);
    expect(ms).toBeLessThan(QUICK_MS * 2);
  });

  it("reports a key that is given twice, with both lines", () => {
    expect(read("a: 1\nb: 2\na: 3\n").problems).toEqual([
      {
        path: "a",
        line: 3,
        column: 1,
        rule: "is given twice",
        suggestion: "keep one; the first is on line 1",
      },
    ]);
  });

  it.each([
    ["merge keys", "x: &x {k: 1}\na:\n  <<: *x\n", "merge keys are not supported"],
    ["a second document", "a: 1\n---\nb: 2\n", "must be one YAML document"],
    ["tabs", "a:\n\tb: 1\n", "tabs cannot indent YAML"],
    ["number keys", "a:\n  1: x\n", "keys must be text"],
    ["list keys", "? [a]\n: 1\n", "keys must be text"],
    ["__proto__", "a:\n  __proto__: {polluted: true}\n", "this key is not allowed"],
    ["tags", "a: !!js/function 'x'\n", "YAML tags are not supported"],
  ])("refuses %s", (_, text, rule) => {
    expect(rules(text)).toContain(rule);
  });

  it("never touches the prototype of anything", () => {
    read("a:\n  __proto__: {polluted: true}\n  constructor: {prototype: {polluted: true}}\n");
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined();
  });

  it("says where YAML breaks", () => {
    const document = read("a: 1\nb: [1, 2\nc: 3\n");
    expect(document.broken).toBe(true);
    expect(document.problems[0]?.line).toBeGreaterThan(1);
    expect(document.problems[0]?.rule).toContain("is not valid YAML");
  });

  it("gives null for an empty text", () => {
    expect(read("").value).toBeNull();
    expect(read("# nothing\n").value).toBeNull();
  });
});
