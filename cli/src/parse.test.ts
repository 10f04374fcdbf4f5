import { describe, expect, it } from "vitest";
import { type Command, UsageError } from "./command.ts";
import { parseCommandLine } from "./parse.ts";

const COMMAND: Command = {
  name: "call",
  summary: "Calls",
  args: [
    { name: "name", required: true, summary: "the function" },
    { name: "how", required: false, summary: "how", choices: ["fast", "slow"] },
  ],
  flags: [
    { name: "header", short: "H", type: "strings", summary: "a header" },
    { name: "no-wait", type: "boolean", summary: "do not wait" },
    { name: "level", type: "string", summary: "level", choices: ["info", "error"] },
  ],
  examples: [],
  run: () => Promise.resolve(0),
};
const parse = (words: string[], env = {}) => parseCommandLine(COMMAND, words, env);

describe("parseCommandLine", () => {
  it.each([
    [["--level", "error", "fn"]],
    [["fn", "--level", "error"]],
    [["fn", "--level=error"]],
    [["--no-wait", "fn", "--level", "error"]],
  ])("takes flags before and after the arguments: %j", (words) => {
    const { args, flags } = parse(words);
    expect(args).toEqual(["fn"]);
    expect(flags.text("level")).toBe("error");
  });

  it("keeps every value of a repeated flag, short or long", () => {
    expect(parse(["fn", "-H", "a: 1", "--header", "b: 2"]).flags.texts("header")).toEqual(["a: 1", "b: 2"]);
  });

  it("knows the short flags of every command", () => {
    const { flags } = parse(["-q", "fn", "-o", "json"]);
    expect([flags.on("quiet"), flags.text("output")]).toEqual([true, "json"]);
  });

  it("takes an environment twin, and the flag before it", () => {
    const env = { HANZO_FN_LEVEL: "info", HANZO_FN_HEADER: "a: 1,b: 2", HANZO_FN_NO_WAIT: "1" };
    expect(parse(["fn"], env).flags.text("level")).toBe("info");
    expect(parse(["fn"], env).flags.texts("header")).toEqual(["a: 1", "b: 2"]);
    expect(parse(["fn"], env).flags.on("no-wait")).toBe(true);
    expect(parse(["fn", "--level", "error"], env).flags.text("level")).toBe("error");
    expect(parse(["fn"], { HANZO_FN_NO_WAIT: "false", HANZO_FN_LEVEL: "" }).flags.on("no-wait")).toBe(false);
    expect(parse(["fn"], { HANZO_FN_URL: "http://a" }).flags.text("server")).toBe("http://a");
  });

  it.each([
    ["a missing argument", [], {}, "NAME is missing"],
    ["an argument too many", ["fn", "fast", "more"], {}, 'unexpected argument "more"'],
    ["an argument that is none of its choices", ["fn", "soon"], {}, "HOW is one of fast, slow"],
    ["a flag that does not exist", ["fn", "--nope"], {}, "Unknown option '--nope'"],
    ["a flag without its value", ["fn", "--level"], {}, "--level"],
    ["a value that is none of its choices", ["fn", "--level", "loud"], {}, "--level is one of info, error"],
    ["a twin that is none of its choices", ["fn"], { HANZO_FN_LEVEL: "loud" }, "--level is one of"],
    ["a twin that is no boolean", ["fn"], { HANZO_FN_NO_WAIT: "yes" }, "$HANZO_FN_NO_WAIT is true or false"],
  ])("refuses %s", (_, words, env, message) => {
    expect(() => parse(words, env)).toThrow(UsageError);
    expect(() => parse(words, env)).toThrow(message);
  });

  it("asks for no argument where help is wanted", () => {
    expect(parse(["--help"]).flags.on("help")).toBe(true);
  });
});
