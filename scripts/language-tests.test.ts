import { expect, test } from "vitest";
import { countGo, countRust } from "./language-tests.ts";

const event = (Action: string, Test?: string, Output?: string): string =>
  JSON.stringify({ Action, Package: "sdk/server", Test, Output });

test("Go's tests are counted without those that only hold others, and skips with their reason", () => {
  const output = [
    "# a line of the compiler",
    event("run", "TestA"),
    event("run", "TestA/one"),
    event("pass", "TestA/one"),
    event("fail", "TestA/two"),
    event("fail", "TestA"),
    event("pass", "TestAB"),
    event("output", "TestC", "    server_test.go:12: needs a GPU: none\n"),
    event("skip", "TestC"),
    event("skip"),
    event("fail"),
  ].join("\n");
  expect(countGo(output)).toEqual({
    passed: 2,
    failed: [{ name: "sdk/server/TestA/two", reason: "no reason given" }],
    skipped: [{ name: "sdk/server/TestC", reason: "needs a GPU: none" }],
  });
});

test("Rust's tests are counted with those of its documentation, and skips with their reason", () => {
  const output = `
running 4 tests
test text::time::formats ... ok
test src/stream.rs - stream::generate (line 33) ... ok
test server::ends ... FAILED
test model::cuda ... ignored, needs a GPU
test result: FAILED. 2 passed; 1 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.02s
`;
  expect(countRust(output)).toEqual({
    passed: 2,
    failed: [{ name: "runtimes/rust server::ends", reason: "no reason given" }],
    skipped: [{ name: "runtimes/rust model::cuda", reason: "needs a GPU" }],
  });
});
