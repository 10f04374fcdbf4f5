import { describe, expect, it } from "vitest";
import { cargoFailure, parseCargoErrors, readRustError } from "./failures.ts";

const MESSAGE = {
  reason: "compiler-message",
  message: {
    level: "error",
    message: "mismatched types",
    code: { code: "E0308" },
    spans: [
      { file_name: "src/a.rs", line_start: 1, column_start: 1, is_primary: false },
      {
        file_name: "src/handler.rs",
        line_start: 4,
        column_start: 18,
        is_primary: true,
        label: "expected `u32`",
      },
    ],
    children: [{ level: "help", message: "try\nthis" }],
    rendered: "error[E0308]: mismatched types\n",
  },
};

describe("readRustError", () => {
  it("takes place, words and help of the compiler's message", () => {
    expect(readRustError(JSON.stringify(MESSAGE))).toEqual({
      error: {
        path: "src/handler.rs",
        line: 4,
        column: 18,
        rule: "mismatched types: expected `u32` (E0308)",
        suggestion: "try this",
      },
      rendered: "error[E0308]: mismatched types\n",
    });
  });

  it.each([
    "Compiling x",
    "{ broken",
    JSON.stringify({ reason: "compiler-artifact" }),
    JSON.stringify({ ...MESSAGE, message: { ...MESSAGE.message, level: "warning" } }),
    JSON.stringify({
      ...MESSAGE,
      message: { ...MESSAGE.message, message: "aborting due to 1 previous error" },
    }),
  ])("takes nothing of %j", (line) => {
    expect(readRustError(line)).toBeUndefined();
  });
});

describe("parseCargoErrors", () => {
  it("reads cargo's own words with their place", () => {
    const output = `   Compiling x\nerror: unclosed table, expected \`]\`\n --> /build/Cargo.toml:1:9\n  |\n1 | [package\n  |         ^\n`;
    expect(parseCargoErrors(output, "/build")).toEqual([
      { path: "Cargo.toml", line: 1, column: 9, rule: "unclosed table, expected `]`" },
    ]);
  });
});

describe("cargoFailure", () => {
  it.each([
    [
      "error: no matching package named `nobody` found\nlocation searched: index",
      "there is no Rust crate nobody",
    ],
    [
      'error: failed to select a version for the requirement `serde = "^99"`\ncandidate versions found',
      'there is no Rust crate serde = "^99"',
    ],
    [
      "error: failed to run custom build command for `x v1.0.0`\nCaused by:\n  process didn't exit successfully",
      "the build script of x v1.0.0 failed",
    ],
    ["no words that anybody knows", "cargo could not build the source"],
  ])("says of %j what it means", (output, message) => {
    expect(cargoFailure(output, "/b")).toMatchObject({ code: "build_failed", message });
  });

  it("takes a registry that does not answer for nobody's mistake", () => {
    const output = "error: failed to fetch\nCaused by:\n  [7] Couldn't connect to server";
    expect(cargoFailure(output, "/b").code).toBe("registry_unreachable");
  });
});
