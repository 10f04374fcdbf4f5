import { describe, expect, it, onTestFinished } from "vitest";
import { needRust, openBuilder, type Files, type TestBuilder } from "../../test/compiled.ts";
import { callProgram } from "../../test/call-program.ts";

const HANDLER = `use hanzo_functions::{Context, Response, Result};

pub async fn greet(ctx: Context) -> Result<Response> {
    let name: String = ctx.data().get("name")?;
    Ok(Response::ok(serde_json::json!({ "hello": name })))
}
`;

async function open(rust: Parameters<typeof openBuilder>[0]["rust"]): Promise<TestBuilder> {
  const opened = await openBuilder({ rust });
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return opened;
}

async function failure(opened: TestBuilder, entry: string, files: Files): Promise<unknown> {
  return opened.build("rust", entry, files).catch((error: unknown) => error);
}

describe("a Rust source", { timeout: 600_000 }, () => {
  it("of one file becomes a program that answers, and is not compiled again", async (context) => {
    const opened = await open(needRust(context));
    const copy = await opened.build("rust", "handler::greet", { "src/handler.rs": HANDLER });
    expect(await callProgram(copy, opened.root, { name: "you" })).toEqual({ hello: "you" });
    const again = await opened.build("rust", "handler::greet", { "src/handler.rs": HANDLER });
    expect([again.cached, again.executable]).toEqual([true, copy.executable]);
    console.log(copy.phasesMs);
  });
});
