import { describe, expect, it } from "vitest";
import { parseGoEntry, readGoPackage, shapeProblem } from "./source.ts";

describe("parseGoEntry", () => {
  it.each([
    ["Classify", [""], "Classify"],
    ["handler.Classify", ["", "handler"], "Classify"],
    ["api/v1.2.Classify", ["api/v1.2"], "Classify"],
  ])("reads %s", (entry, dirs, name) => {
    expect(parseGoEntry(entry)).toEqual({ dirs, name });
  });
});

const SOURCE = `// Package handler: func Commented() {}
package handler

/*
func Blocked() {}
*/

import "C"

var Hidden, lower = 1, 2

var (
	Listed = func() {}
	kept   = "var (Quoted)"
)

func (s *Server) Method() {}

func private() {}

func Generic[T any](ctx T) {}

func Handle(
	ctx *sdk.Context,
	body io.Reader,
) (*sdk.Response, error) {
	text := \`
func Raw() {}
\`
	return nil, nil
}
`;

describe("readGoPackage", () => {
  it("finds what is exported, not what is in comments, methods or other files", () => {
    const found = readGoPackage("api", [
      { path: "api/handler.go", text: SOURCE },
      { path: "api/handler_test.go", text: "package handler_test\nfunc Tested() {}\n" },
      { path: "api/on_windows.go", text: "package handler\nfunc Elsewhere() {}\n" },
      { path: "api/tool.go", text: "//go:build ignore\n\npackage main\nfunc main() {}\n" },
      { path: "main.go", text: "package main\nfunc main() {}\n" },
    ]);
    expect([found.name, found.main, found.usesC]).toEqual(["handler", undefined, true]);
    const names = found.exported.map(({ name, line }) => `${name}:${line}`);
    expect(names.filter((name) => !name.startsWith("Raw"))).toEqual([
      "Generic:21",
      "Handle:23",
      "Hidden:10",
      "Listed:13",
    ]);
  });

  it("finds main, and no package where there is no file", () => {
    const files = [{ path: "a.go", text: "package main\n\nfunc main() {\n}\n" }];
    expect(readGoPackage("", files).main).toMatchObject({ file: "a.go", line: 3 });
    expect(readGoPackage("other", files).name).toBeUndefined();
  });
});

describe("shapeProblem", () => {
  const problem = (signature: string): string | undefined =>
    shapeProblem({ name: "F", file: "f.go", line: 1, signature });

  it.each([
    "(ctx *sdk.Context) *sdk.Response",
    "(ctx *sdk.Context) (*sdk.Response, error)",
    "(ctx *sdk.Context) (any, error)",
    "(ctx *sdk.Context) (answer map[string]any, err error)",
    "(ctx *fn.Context, body io.Reader) error",
    "(c *Context)",
    "(\n\tctx *sdk.Context,\n)",
  ])("takes func%s", (signature) => {
    expect(problem(signature)).toBeUndefined();
  });

  it.each([
    "()",
    "(text string) string",
    "(ctx sdk.Context)",
    "(ctx *sdk.Context, a, b int)",
    "(ctx *sdk.Context) (int, int)",
    "[T any](ctx T)",
  ])("refuses func%s", (signature) => {
    expect(problem(signature)).toContain("a handler is func(*sdk.Context)");
  });

  it("leaves a variable to the compiler", () => {
    expect(shapeProblem({ name: "F", file: "f.go", line: 1, signature: undefined })).toBeUndefined();
  });
});
