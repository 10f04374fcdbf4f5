import { execFileSync } from "node:child_process";
import { chmod, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, describe, expect, it, onTestFinished, type TestContext } from "vitest";
import {
  BUILD_CACHE,
  needRust,
  openBuilder,
  reachable,
  type Files,
  type TestBuilder,
} from "../../test/compiled.ts";
import { callProgram } from "../../test/call-program.ts";

const HANDLER = `use hanzo_functions::{Context, Response, Result};

pub async fn greet(ctx: Context) -> Result<Response> {
    let name: String = ctx.data().get("name")?;
    Ok(Response::ok(serde_json::json!({ "hello": name })))
}
`;

let shared: TestBuilder | undefined;

/** One for all that need nothing of their own: each would begin with a copy of the compiled SDK. */
async function open(rust: Parameters<typeof openBuilder>[0]["rust"]): Promise<TestBuilder> {
  shared ??= await openBuilder({ rust });
  return shared;
}
afterAll(() => shared?.[Symbol.asyncDispose]());

const processes = (): string => execFileSync("ps", ["-A", "-o", "args="], { encoding: "utf8" });

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
  });

  it("with an error is refused with file, line, column and the lines around it", async (context) => {
    const opened = await open(needRust(context));
    const broken = HANDLER.replace("let name: String", "let name: u8 = true;\n    let name: String");
    expect(await failure(opened, "handler::greet", { "src/handler.rs": broken })).toMatchObject({
      code: "build_failed",
      message: "src/handler.rs:4: mismatched types: expected `u8`, found `bool` (E0308)",
      details: [
        {
          path: "src/handler.rs",
          line: 4,
          column: 20,
          excerpt: expect.stringContaining("> 4 |     let name"),
        },
      ],
    });
    expect(opened.lines.join("\n")).toContain("error[E0308]: mismatched types");
  });

  it.each([
    [
      "an entry that is not there",
      "handler::meet",
      { "src/handler.rs": HANDLER },
      "there is no public function meet in src/handler.rs; it has: greet",
    ],
    [
      "a function that is not public",
      "handler::greet",
      { "src/handler.rs": HANDLER.replace("pub async", "async") },
      "there is no public function greet in src/handler.rs; it has: no public function",
    ],
    [
      "a function that is not async",
      "handler::greet",
      { "src/handler.rs": "pub fn greet(name: &str) -> String { name.into() }\n" },
      "greet is fn(name: &str) -> String, which is not async; a handler is",
    ],
    [
      "a handler of no shape",
      "handler::greet",
      { "src/handler.rs": "pub async fn greet(name: u8) -> u8 { name }\n" },
      "the entry handler::greet is no handler",
    ],
    [
      "no file for its entry",
      "greet",
      { "src/handler.rs": HANDLER },
      "no file for the entry greet: the source must hold src/lib.rs; it holds src/handler.rs",
    ],
    [
      "a dependency from git",
      "handler::greet",
      {
        "src/handler.rs": HANDLER,
        "src/lib.rs": "pub mod handler;",
        "Cargo.toml": `[package]\nname = "x"\nversion = "1.0.0"\n\n[dependencies]\na = { git = "https://example.com/a" }\n`,
      },
      "Cargo.toml cannot be built",
    ],
    [
      "a dependency outside of the source",
      "handler::greet",
      {
        "src/handler.rs": HANDLER,
        "src/lib.rs": "pub mod handler;",
        "Cargo.toml": `[package]\nname = "x"\nversion = "1.0.0"\n\n[dependencies]\na = { path = "../a" }\n`,
      },
      "Cargo.toml cannot be built",
    ],
    [
      "a Cargo.toml that does not parse",
      "handler::greet",
      { "src/handler.rs": HANDLER, "Cargo.toml": "[package\n" },
      "unclosed table",
    ],
  ])("with %s is refused in words", async (_what, entry, files, message, ...rest) => {
    const opened = await open(needRust((rest as unknown[]).at(-1) as TestContext));
    expect(await failure(opened, entry, files)).toMatchObject({
      code: "build_failed",
      function: "f",
      message: expect.stringContaining(message),
    });
  });

  it("with a library, a lock and modules of its own becomes a program", async (context) => {
    const opened = await open(needRust(context));
    const copy = await opened.build("rust", "api::greet", {
      "Cargo.toml": `[package]\nname = "my-shop"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\nhanzo_functions = "0.1"\nserde_json = "1"\n`,
      "src/lib.rs": "pub mod api;\nmod words;\n",
      "src/words.rs": `pub const HELLO: &str = "hello";\n`,
      "src/api.rs": `use hanzo_functions::{Context, Response};

pub async fn greet(_: Context) -> Response {
    Response::ok(serde_json::json!(crate::words::HELLO))
}
`,
    });
    expect(await callProgram(copy, opened.root, {}, "text")).toBe("hello");
  });

  it("of files without a manifest finds the ones that they name", async (context) => {
    const opened = await open(needRust(context));
    const copy = await opened.build("rust", "handler.greet", {
      "src/handler.rs": `use crate::words::HELLO;
use hanzo_functions::{Context, Response, Result};
use serde::Serialize;

#[derive(Serialize)]
struct Greeting {
    hello: &'static str,
}

pub async fn greet(_: Context) -> Result<Response> {
    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    Ok(Response::ok(Greeting { hello: HELLO }))
}
`,
      "src/words.rs": `pub const HELLO: &str = "you";\n`,
      "src/unused.rs": "this is no Rust\n",
    });
    expect(await callProgram(copy, opened.root, {})).toEqual({ hello: "you" });
  });

  it("gets its crates from the registry, and says which one is not there", async (context) => {
    const opened = await open(needRust(context));
    const manifest = (dependency: string): string =>
      `[package]\nname = "x"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\n${dependency}\nserde_json = "1"\n`;
    const files = {
      "src/lib.rs": HANDLER.replace("let name: String", `let _ = hex::encode([1]);\n    let name: String`),
      "Cargo.toml": manifest(`hex = "=0.4.3"`),
    };
    const copy = await opened.build("rust", "greet", files);
    expect(await callProgram(copy, opened.root, { name: "hex" })).toEqual({ hello: "hex" });
    const absent = { ...files, "Cargo.toml": manifest(`hanzo-fn-absent-crate = "1"`) };
    expect(await failure(opened, "greet", absent)).toMatchObject({
      code: "build_failed",
      message: "there is no Rust crate hanzo-fn-absent-crate",
    });
  });

  it("whose build script hangs is ended at the time limit, with all that it started", async (context) => {
    const rust = needRust(context);
    const opened = await openBuilder({ rust }, { timeoutMs: 30_000 });
    onTestFinished(() => opened[Symbol.asyncDispose]());
    const seconds = `300.${process.pid}`;
    const files = {
      "Cargo.toml": `[package]\nname = "x"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\nserde_json = "1"\n`,
      "build.rs": `fn main() { std::process::Command::new("setsid").args(["--wait", "sleep", "${seconds}"]).status().unwrap(); }\n`,
      "src/lib.rs": HANDLER,
    };
    const failed = failure(opened, "greet", files);
    await expect.poll(() => processes(), { timeout: 60_000 }).toContain(seconds);
    expect(await failed).toMatchObject({ code: "build_failed", message: "cargo did not end within 30 s" });
    await expect.poll(() => processes()).not.toContain(seconds);
  });

  it("compiles without a network and without writing to what others use", async (context) => {
    if (process.getuid?.() !== 0) context.skip("only root can change users");
    const rust = needRust(context);
    const opened = await openBuilder(
      { rust: await reachable(rust) },
      { runAs: { uid: 65_501, gid: 65_501 }, fetchAs: { uid: 65_502, gid: 65_502 } },
    );
    onTestFinished(() => opened[Symbol.asyncDispose]());
    await chmod(opened.root, 0o711);
    const files = {
      "Cargo.toml": `[package]\nname = "x"\nversion = "1.0.0"\nedition = "2021"\n\n[dependencies]\nserde_json = "1"\n`,
      "build.rs": `use std::{fs, net::TcpStream, net::UdpSocket};
fn main() {
    let home = std::env::var("CARGO_HOME").unwrap();
    let network = UdpSocket::bind("0.0.0.0:0").and_then(|s| s.connect("192.0.2.1:9")).is_ok();
    let cache = fs::write(format!("{home}/planted"), "x").is_ok();
    let _ = TcpStream::connect("127.0.0.1:1");
    println!("cargo:rustc-env=SEEN=network {network}, cache {cache}");
}
`,
      "src/lib.rs": `use hanzo_functions::{Context, Response};
pub async fn seen(_: Context) -> Response {
    Response::ok(serde_json::json!(env!("SEEN")))
}
`,
    };
    const copy = await opened.build("rust", "seen", files);
    expect(await callProgram(copy, opened.root, {}, "text")).toBe("network false, cache false");
    expect(await stat(copy.executable ?? "")).toMatchObject({ uid: 0, mode: 0o100755 });
    const shared = join(BUILD_CACHE, "rust");
    const names = (await readdir(shared)).filter((name) => /^(?:base|sdk)-/.test(name));
    const owners = names.map(async (name) => (await stat(join(shared, name))).uid);
    expect(new Set(await Promise.all(owners))).toEqual(new Set([0]));
  });
});
