import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { callProgram } from "../../test/call-program.ts";
import { needGo, openBuilder, type Files, type TestBuilder } from "../../test/compiled.ts";

const HANDLER = `package main

import "github.com/hanzoai/functions/sdk"

// Classify answers with what it was asked.
func Classify(ctx *sdk.Context) *sdk.Response {
	return sdk.OK(map[string]any{"asked": ctx.Data["text"]})
}
`;

async function open(go: Parameters<typeof openBuilder>[0]["go"]): Promise<TestBuilder> {
  const opened = await openBuilder({ go });
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return opened;
}

async function failure(opened: TestBuilder, entry: string, files: Files): Promise<unknown> {
  return opened.build("go", entry, files).catch((error: unknown) => error);
}

describe("a Go source", { timeout: 300_000 }, () => {
  it("of one file becomes a program that answers, and is not compiled again", async (context) => {
    const opened = await open(needGo(context));
    const copy = await opened.build("go", "Classify", { "handler.go": HANDLER });
    expect(await callProgram(copy, opened.root, { text: "hi" })).toEqual({ asked: "hi" });
    expect((await stat(copy.executable ?? "")).mode & 0o777).toBe(0o755);
    expect(await readFile(join(copy.dir, "handler.go"), "utf8")).toBe(HANDLER);
    const again = await opened.build("go", "Classify", { "handler.go": HANDLER });
    expect([again.cached, again.executable]).toEqual([true, copy.executable]);
  });

  it("compiles to the same bytes from another directory", async (context) => {
    const go = needGo(context);
    const [one, two] = [await open(go), await open(go)];
    const files = { "handler.go": HANDLER };
    const programs = [await one.build("go", "Classify", files), await two.build("go", "Classify", files)];
    const [first, second] = await Promise.all(programs.map(({ executable }) => readFile(executable ?? "")));
    expect(first?.equals(second ?? Buffer.alloc(0))).toBe(true);
  });

  it("with an error is refused with file, line, column and the lines around it", async (context) => {
    const opened = await open(needGo(context));
    const broken = HANDLER.replace("return sdk", 'var count int = "three"\n\treturn sdk');
    expect(await failure(opened, "Classify", { "handler.go": broken })).toMatchObject({
      code: "build_failed",
      message: expect.stringMatching(/^handler\.go:7: .*count/),
      details: [
        { path: "handler.go", line: 7, column: 6, rule: "declared and not used: count" },
        { path: "handler.go", line: 7, column: 18, excerpt: expect.stringContaining("> 7 |") },
      ],
    });
  });

  it.each([
    [
      "an entry that is not there",
      "Classfy",
      { "handler.go": HANDLER },
      "there is no exported function Classfy; handler.go has: Classify",
    ],
    [
      "a handler of no shape",
      "Classify",
      { "handler.go": "package main\n\nfunc Classify(text string) string { return text }\n" },
      "Classify is func(text string) string; a handler is",
    ],
    [
      "a main of its own that does not serve",
      "Classify",
      { "handler.go": `${HANDLER}\nfunc main() {}\n` },
      "handler.go declares main: the platform makes the program's main",
    ],
    ["no Go file", "Classify", { "main.py": "" }, "there is no Go package in the source's root"],
    [
      "a replacement outside of the source",
      "Classify",
      {
        "handler.go": HANDLER,
        "go.mod": "module x\n\ngo 1.22\n\nreplace example.com/a => ../../etc\n",
      },
      "go.mod: replace example.com/a => ../../etc leaves the source",
    ],
    [
      "a go.mod that does not parse",
      "Classify",
      { "handler.go": HANDLER, "go.mod": "module x\n\nrequire (\n" },
      "go.mod:4: ",
    ],
    [
      "a Go of the future",
      "Classify",
      { "handler.go": HANDLER, "go.mod": "module x\n\ngo 1.99\n" },
      "go.mod requires go >= 1.99",
    ],
  ])("with %s is refused in words", async (_what, entry, files, message, ...rest) => {
    const opened = await open(needGo((rest as unknown[]).at(-1) as TestContext));
    expect(await failure(opened, entry, files)).toMatchObject({
      code: "build_failed",
      function: "f",
      message: expect.stringContaining(message),
    });
  });

  it("with a package of its own, in a directory, in a module of its own, becomes a program", async (context) => {
    const opened = await open(needGo(context));
    const copy = await opened.build("go", "api/v1.Greet", {
      "go.mod": "module example.com/shop\n\ngo 1.22\n\nrequire github.com/hanzoai/functions/sdk v1.2.3\n",
      "words/words.go": `package words\n\nconst Hello = "hello"\n`,
      "api/v1/greet.go": `package v1

import (
	"errors"

	"example.com/shop/words"
	"github.com/hanzoai/functions/sdk"
)

var server = errors.New("a name that the generated program uses, too")

var Greet = func(ctx *sdk.Context) (any, error) { return words.Hello, nil }
`,
    });
    expect(await callProgram(copy, opened.root, {}, "text")).toBe("hello");
  });

  it("whose main serves is built as it is", async (context) => {
    const opened = await open(needGo(context));
    const main = `
func main() { server.Main(Classify) }
`;
    const code = HANDLER.replace(
      `"github.com/hanzoai/functions/sdk"`,
      `(\n"github.com/hanzoai/functions/sdk"\n"github.com/hanzoai/functions/sdk/server"\n)`,
    );
    const copy = await opened.build("go", "handler.Classify", { "handler.go": code + main });
    expect(await callProgram(copy, opened.root, { text: "own" })).toEqual({ asked: "own" });
  });

  it("gets its modules from the module proxy, and says which one is not there", async (context) => {
    const opened = await open(needGo(context));
    const code = HANDLER.replace(
      `"github.com/hanzoai/functions/sdk"`,
      `(\n"github.com/google/uuid"\n"github.com/hanzoai/functions/sdk"\n)`,
    ).replace(`ctx.Data["text"]`, `uuid.Nil.String()`);
    const copy = await opened.build("go", "Classify", { "handler.go": code });
    expect(await callProgram(copy, opened.root, {})).toEqual({
      asked: "00000000-0000-0000-0000-000000000000",
    });
    const absent = code.replace("google/uuid", "hanzo-fn-nobody/absent").replace("uuid.Nil", "absent.Nil");
    expect(await failure(opened, "Classify", { "handler.go": absent })).toMatchObject({
      code: "build_failed",
      message: "there is no Go package github.com/hanzo-fn-nobody/absent",
      details: [{ path: "handler.go", line: 4 }],
    });
  });

  it("with a vendor folder builds from that alone", async (context) => {
    const opened = await openBuilder(
      { go: needGo(context) },
      { hostEnvironment: { ...process.env, GOPROXY: "off" } },
    );
    onTestFinished(() => opened[Symbol.asyncDispose]());
    const copy = await opened.build("go", "Classify", {
      "go.mod": "module x\n\ngo 1.22\n\nrequire example.com/words v1.0.0\n",
      "vendor/modules.txt": "# example.com/words v1.0.0\n## explicit; go 1.22\nexample.com/words\n",
      "vendor/example.com/words/words.go": `package words\n\nconst Hello = "vendored"\n`,
      "handler.go": HANDLER.replace(
        `"github.com/hanzoai/functions/sdk"`,
        `(\n"example.com/words"\n"github.com/hanzoai/functions/sdk"\n)`,
      ).replace(`ctx.Data["text"]`, "words.Hello"),
    });
    expect(await callProgram(copy, opened.root, {})).toEqual({ asked: "vendored" });
  });

  it("with an unreachable module proxy gets a 503 that says what to do", async (context) => {
    const opened = await openBuilder(
      { go: needGo(context) },
      { hostEnvironment: { ...process.env, GOPROXY: "http://127.0.0.1:9", GOSUMDB: "off" } },
    );
    onTestFinished(() => opened[Symbol.asyncDispose]());
    const code = HANDLER.replace(
      `"github.com/hanzoai/functions/sdk"`,
      `(\n_ "github.com/hanzo-fn-nobody/absent"\n"github.com/hanzoai/functions/sdk"\n)`,
    );
    expect(await failure(opened, "Classify", { "handler.go": code })).toMatchObject({
      code: "registry_unreachable",
      status: 503,
    });
  });
});
