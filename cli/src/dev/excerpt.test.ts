import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { describeError, describeTrace } from "./describe-error.ts";
import { excerpt, placeIn } from "./excerpt.ts";

const ROOT = "/home/ada/greet";

test.each([
  [
    "Python, the newest call last",
    `Traceback:\n  File "${ROOT}/handler.py", line 3, in f\n  File "${ROOT}/util.py", line 9, in g\n  File "/usr/lib/python3/json.py", line 1, in h\nKeyError: 'x'`,
    "util.py",
    9,
  ],
  [
    "JavaScript, the newest call first",
    `TypeError: x\n    at node:internal/x:1:1\n    at f (file://${ROOT}/src/a.ts:12:5)\n    at g (${ROOT}/b.ts:1:1)`,
    "src/a.ts",
    12,
  ],
  [
    "packages are not the author's",
    `Error\n    at f (${ROOT}/node_modules/p/i.js:1:1)\n    at g (${ROOT}/a.ts:2:3)`,
    "a.ts",
    2,
  ],
  ["Go", `panic: oh\n\ngoroutine 1:\nmain.f()\n\t${ROOT}/handler.go:14 +0x1d`, "handler.go", 14],
  ["Rust", "thread 'x' panicked at src/handler.rs:8:5:\noh", "src/handler.rs", 8],
])("finds the author's place in a trace: %s", (_, trace, file, line) => {
  expect(placeIn(trace, ROOT)).toMatchObject({ file, line });
});

test("a text without a place of the author's is no trace", () => {
  expect(describeTrace("one line", ROOT)).toBeUndefined();
  expect(describeTrace("two\nlines at /usr/x.js:1:2", ROOT)).toBeUndefined();
});

test("shows the lines around a place with a mark below the column, tabs as they look", async () => {
  await using dir = await tempDir("hfn-excerpt-");
  writeFileSync(join(dir.path, "a.ts"), "one\ntwo\n\tthree x\nfour\nfive\nsix\n");
  expect(excerpt(dir.path, { file: "a.ts", line: 3, column: 8 })).toEqual([
    "  1 | one",
    "  2 | two",
    "> 3 |   three x",
    "    |         ^",
    "  4 | four",
    "  5 | five",
  ]);
  expect(excerpt(dir.path, { file: "a.ts", line: 99 })).toEqual([]);
  expect(excerpt(dir.path, { file: "none.ts", line: 1 })).toEqual([]);
});

test("an error says what, where, and what next, once each", async () => {
  await using dir = await tempDir("hfn-error-");
  writeFileSync(join(dir.path, "handler.ts"), "const x = ;\n");
  const error = new PlatformError("build_failed", 'handler.ts:1: Unexpected ";"', {
    details: [{ path: "handler.ts", line: 1, column: 11, rule: 'Unexpected ";"' }],
    next: "mend it",
  });
  expect(describeError(error, dir.path)).toEqual([
    '✗ handler.ts:1: Unexpected ";" (build_failed)',
    '  handler.ts:1:11 Unexpected ";"',
    "    > 1 | const x = ;",
    "        |           ^",
    "      2 | ",
    "  next: mend it",
  ]);
});
