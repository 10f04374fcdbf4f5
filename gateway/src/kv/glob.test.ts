import { describe, expect, it } from "vitest";
import { escapeGlob, parseGlob } from "./glob.ts";

describe("a glob pattern", () => {
  it.each([
    ["*", "", true],
    ["*", "any", true],
    ["a", "a", true],
    ["a", "ab", false],
    ["a*", "abc", true],
    ["*c", "abc", true],
    ["a*c*e", "abcde", true],
    ["a*c*e", "abcd", false],
    ["?", "ä", true],
    ["?", "😀", true],
    ["?", "", false],
    ["a?c", "abc", true],
    ["[abc]", "b", true],
    ["[abc]", "d", false],
    ["[^abc]", "d", true],
    ["[^abc]", "b", false],
    ["[a-c]x", "bx", true],
    ["[c-a]x", "bx", true],
    ["[a-]", "-", true],
    [String.raw`[\]]`, "]", true],
    ["[abc", "c", true],
    ["[]", "", false],
    [String.raw`\*`, "*", true],
    [String.raw`\*`, "a", false],
    ["a\\", "a\\", true],
    ["**a**", "bab", true],
    ["", "", true],
    ["", "a", false],
  ])("%s on %j is %j", (pattern, text, matches) => {
    expect(parseGlob(pattern).matches(text)).toBe(matches);
  });

  it("knows what every match begins with", () => {
    expect(parseGlob("user:*").prefix).toBe("user:");
    expect(parseGlob(String.raw`a\*b[c]*`).prefix).toBe("a*b");
    expect(parseGlob("*a").prefix).toBe("");
    expect(parseGlob("plain").prefix).toBe("plain");
  });

  it("takes no time to speak of for a hostile pattern", () => {
    const begin = process.cpuUsage();
    expect(parseGlob(`${"*a".repeat(300)}b`).matches("a".repeat(1000))).toBe(false);
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1000).toBeLessThan(1000);
  });
});

it("an escaped text matches itself and nothing else", () => {
  for (const text of ["fn:a*c/f:", "a[b]c", "a?b", "a\\b", "^-"]) {
    const glob = parseGlob(escapeGlob(text));
    expect([glob.prefix, glob.matches(text), glob.matches(`${text}x`)]).toEqual([text, true, false]);
  }
  expect(parseGlob(escapeGlob("a*c")).matches("abc")).toBe(false);
});
