import { describe, expect, it } from "vitest";
import { findRustHandler, parseRustEntry, publicFunctions, rustMain } from "./source.ts";

const file = (path: string, text: string) => ({ path, text });
const GREET = file("src/handler.rs", "pub async fn greet(ctx: Context) -> Result<Response> {\n}\n");

describe("parseRustEntry", () => {
  it.each([
    ["greet", [], "greet"],
    ["handler::greet", ["handler"], "greet"],
    ["api.v1.greet", ["api", "v1"], "greet"],
  ])("reads %s", (entry, modules, name) => {
    expect(parseRustEntry(entry)).toEqual({ modules, name });
  });
});

describe("publicFunctions", () => {
  it("finds what is public and not in comments or strings", () => {
    const text = `// pub async fn commented() {}
const S: &str = "
pub fn quoted() {}
";
fn private() {}
pub(crate) fn inner() {}
pub async fn one(
    ctx: Context,
) -> Response {
}
pub fn two<T: Into<String>>(value: T) {}
`;
    expect(publicFunctions(file("a.rs", text))).toEqual([
      { name: "one", line: 7, isAsync: true, signature: "( ctx: Context, ) -> Response" },
      { name: "two", line: 11, isAsync: false, signature: "(value: T)" },
    ]);
  });
});

describe("findRustHandler", () => {
  it("finds a module's file, and leaves modules of a library to the compiler", () => {
    expect(findRustHandler([GREET], "handler::greet")).toBe(GREET);
    const nested = file("src/api/mod.rs", GREET.text);
    expect(findRustHandler([nested], "api::greet")).toBe(nested);
    const library = file("src/lib.rs", "pub mod api { pub async fn greet() {} }");
    expect(findRustHandler([library], "api::greet")).toBe(library);
  });

  it.each([
    [[GREET], "handler::meet", "there is no public function meet in src/handler.rs; it has: greet"],
    [[GREET], "other::greet", "no file for the entry other::greet"],
    [[file("src/handler.rs", "pub fn greet(a: u8) {}")], "handler::greet", "which is not async"],
  ])("refuses what is not there", (files, entry, message) => {
    expect(() => findRustHandler(files, entry)).toThrow(message);
  });

  it("takes a function that returns a future for one that is async", () => {
    const handler = file("src/handler.rs", "pub fn greet(c: Context) -> impl Future<Output = Response> {}");
    expect(findRustHandler([handler], "handler::greet")).toBe(handler);
  });
});

describe("rustMain", () => {
  it("declares the handler and the files that others name", () => {
    const files = [
      file("src/handler.rs", "use crate::{words::HELLO, other};"),
      file("src/words.rs", ""),
      file("src/other.rs", "use super::third::X;"),
      file("src/third/mod.rs", ""),
      file("src/unused.rs", ""),
    ];
    expect(rustMain(files, "handler::greet", undefined)).toEqual({
      path: "src/hanzo_fn_main.rs",
      text: "#![allow(dead_code)]\nmod handler;\nmod other;\nmod third;\nmod words;\n\nfn main() {\n    hanzo_functions::serve(handler::greet)\n}\n",
    });
  });

  it("calls into a library, and leaves a main alone that serves", () => {
    expect(rustMain([GREET], "handler::greet", "my_shop").text).toContain("serve(my_shop::handler::greet)");
    const own = file("src/main.rs", "fn main() { hanzo_functions::serve(x) }");
    expect(rustMain([own, GREET], "handler::greet", undefined)).toEqual({
      path: "src/main.rs",
      text: undefined,
    });
  });

  it("takes over the modules of a main that does not serve", () => {
    const own = file("src/main.rs", "mod handler;\nmod tools;\nfn main() {}\n");
    expect(rustMain([own, GREET], "handler::greet", undefined).text).toContain("mod handler;\nmod tools;\n");
  });
});
