/** Go and Rust functions: compiled by the platform, started from nothing. */
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, type TestContext } from "vitest";
import { deployFunction, type FunctionSource, writeFunction } from "./support/functions.ts";
import { REPOSITORY, startPlatform, type TestPlatform } from "./support/platform.ts";

let platform: TestPlatform;

beforeAll(async () => {
  // What the standard library and the SDK compile to is kept between runs.
  const cache = join(REPOSITORY, ".cache", "builds");
  platform = await startPlatform({ env: { HANZO_FN_BUILD_CACHE: cache } });
});
afterAll(() => platform[Symbol.asyncDispose]());

const GO: FunctionSource = {
  name: "go-hello",
  runtime: "go",
  entry: "Greet",
  manifest: "environment:\n  WORD: hello\n",
  code: `package main

import (
	"os"

	"github.com/hanzoai/functions/sdk"
)

var word = os.Getenv("WORD")

func Greet(ctx *sdk.Context) (any, error) {
	program, err := os.Executable()
	return map[string]any{word: ctx.Data["name"], "pid": os.Getpid(), "program": program}, err
}
`,
};

const RUST: FunctionSource = {
  name: "rust-hello",
  runtime: "rust",
  entry: "handler::greet",
  manifest: "environment:\n  WORD: hello\n",
  code: `use hanzo_functions::{Context, Response, Result};

pub async fn greet(ctx: Context) -> Result<Response> {
    let name: String = ctx.data().get("name")?;
    let word = std::env::var("WORD").unwrap_or_default();
    let program = std::env::current_exe().unwrap_or_default();
    Ok(Response::ok(serde_json::json!({ word: name, "pid": std::process::id(), "program": program })))
}
`,
};

function need(context: TestContext, runtime: "go" | "rust"): void {
  const command = runtime === "go" ? "go" : "cargo";
  if (spawnSync(command, ["version"]).error !== undefined) context.skip(`${command} is not installed here`);
}

async function invoke(name: string): Promise<{ answer: Record<string, unknown>; headers: Headers }> {
  const response = await platform.fetchInvoke(`/v1/functions/${name}/invoke`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "you" }),
  });
  return { answer: (await response.json()) as Record<string, unknown>, headers: response.headers };
}

describe.each([
  ["go", GO],
  ["rust", RUST],
] as const)("a %s function", (runtime, source) => {
  test(
    "is compiled, answers, and is not compiled again for the same source",
    { timeout: 300_000 },
    async (context) => {
      need(context, runtime);
      await deployFunction(platform, source);
      const first = await invoke(source.name);
      expect(first.answer).toMatchObject({ hello: "you" });
      expect(first.headers.get("x-function-revision")).toBe(`${source.name}-00001`);
      await deployFunction(platform, { ...source, manifest: "environment:\n  WORD: hi\n" });
      const second = await invoke(source.name);
      expect(second.answer).toMatchObject({ hi: "you" });
      expect(second.headers.get("x-function-revision")).toBe(`${source.name}-00002`);
      expect(second.answer["pid"]).not.toBe(first.answer["pid"]);
      // The same file: nothing was compiled for the other manifest.
      expect(second.answer["program"]).toBe(first.answer["program"]);
    },
  );

  test(
    "that does not compile is refused with the place and the lines around it, and the old one goes on",
    { timeout: 300_000 },
    async (context) => {
      need(context, runtime);
      await deployFunction(platform, { ...source, name: `${runtime}-broken` });
      const broken = source.code
        .replace("\treturn", "\tvar n int = true\n\treturn")
        .replace("let word", "let n: u8 = true;\n    let word");
      const folder = await writeFunction(platform, { ...source, name: `${runtime}-broken`, code: broken });
      const result = await platform.cli(["deploy", "--source", folder]);
      expect(result.code).toBe(1);
      const [place, line] =
        runtime === "go"
          ? ["handler.go:13:", "> 13 |     var n int = true"]
          : ["src/handler.rs:5:", "> 5 |     let n: u8 = true;"];
      expect(result.stderr).toContain(place);
      expect(result.stderr).toContain(line);
      expect(result.stderr).toContain("build_failed");
      const described = await platform.ok(["describe", `${runtime}-broken`, "-o", "json"]);
      expect(described).toContain("excerpt");
      expect((await invoke(`${runtime}-broken`)).answer).toMatchObject({ hello: "you" });
    },
  );

  test("that ends before it listens says so with its last words", { timeout: 300_000 }, async (context) => {
    need(context, runtime);
    const [code, entry] =
      runtime === "go"
        ? [
            source.code.replace(
              'var word = os.Getenv("WORD")',
              'var word = load()\n\nfunc load() string { panic("no table of users") }',
            ),
            "Greet",
          ]
        : [
            `${source.code}\n#[used]\n#[link_section = ".init_array"]\nstatic START: extern "C" fn() = { extern "C" fn start() { eprintln!("no table of users"); std::process::exit(3) } start };\n`,
            "handler::greet",
          ];
    const folder = await writeFunction(platform, { ...source, name: `${runtime}-ends`, code, entry });
    const result = await platform.cli(["deploy", "--source", folder]);
    expect(result.code).not.toBe(0);
    expect(result.stderr).toContain("no table of users");
    expect(result.stderr).toContain("load_failed");
  });
});

test("build lines come while it builds, and stay in the log", { timeout: 300_000 }, async (context) => {
  need(context, "rust");
  const code = RUST.code.replace("let word", "// another source\n    let word");
  const folder = await writeFunction(platform, { ...RUST, name: "rust-lines", code });
  await platform.ok(["deploy", "--source", folder]);
  await expect
    .poll(() => platform.ok(["logs", "rust-lines"]))
    .toMatch(/Compiling function v0\.0\.0[\s\S]*Finished/);
});
