import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
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
});
