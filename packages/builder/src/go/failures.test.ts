import { describe, expect, it } from "vitest";
import { goFailure, parseGoErrors } from "./failures.ts";

describe("parseGoErrors", () => {
  it("reads the compiler's lines, with what goes on in the next one", () => {
    const output = [
      "# function",
      "./handler.go:6:6: declared and not used: n",
      "./sub/x.go:7:14: cannot use x (variable of type T) as I value in argument to f: T does not implement I (missing method M)",
      "\t\thave m()",
      "\t\twant M()",
      "./handler.go:9:1: too many errors",
      "too many errors",
    ].join("\n");
    expect(parseGoErrors(output, "/build")).toEqual([
      { path: "handler.go", line: 6, column: 6, rule: "declared and not used: n" },
      {
        path: "sub/x.go",
        line: 7,
        column: 14,
        rule: expect.stringMatching(/missing method M\); have m\(\); want M\(\)$/),
      },
      { path: "handler.go", line: 9, column: 1, rule: "too many errors" },
    ]);
  });

  it("reads the go command's own words, without the directory of the build", () => {
    const output =
      "go: finding module for package a.org/x\ngo: downloading b.org/b v1.0.0\ngo: errors parsing go.mod:\n/build/go.mod:3: unknown directive: requre\ngo: updates to go.mod needed\n";
    expect(parseGoErrors(output, "/build")).toEqual([
      { path: "go.mod", line: 3, rule: "unknown directive: requre" },
      { rule: "updates to go.mod needed" },
    ]);
  });
});

describe("goFailure", () => {
  it.each([
    [
      "handler.go:4:2: module github.com/nobody/nothing: reading https://r/github.com/nobody/nothing/@v/list: 403 Forbidden",
      "there is no Go package github.com/nobody/nothing",
    ],
    [
      "handler.go:4:2: cannot find module providing package nobody.org/x: module lookup disabled by GOPROXY=off",
      "there is no Go package nobody.org/x",
    ],
    [
      "handler.go:4:2: package fmtt is not in std (/usr/local/go/src/fmtt)",
      "handler.go:4: package fmtt is not in std (/usr/local/go/src/fmtt)",
    ],
  ])("says of %j what is missing", (output, message) => {
    expect(goFailure(output, parseGoErrors(output, "/b"))).toMatchObject({ code: "build_failed", message });
  });

  it.each([
    'Get "https://r/x/@v/list": dial tcp 127.0.0.1:9: connect: connection refused',
    "lookup r on 10.0.0.2:53: server misbehaving",
    "reading https://r/x/@v/v1.0.0.mod: 503 Service Unavailable",
  ])("takes %j for an unreachable registry", (output) => {
    expect(goFailure(output, []).code).toBe("registry_unreachable");
  });
});
