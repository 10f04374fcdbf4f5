import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, test } from "vitest";
import { changedPaths, isNotCompiled, isNoSource, scanSource } from "./source-scan.ts";

test("a save, a new file and a removed one are changes; what tools and editors write beside them is none", async () => {
  await using dir = await tempDir("hfn-scan-");
  const file = (path: string, text = "x"): void => writeFileSync(join(dir.path, path), text);
  mkdirSync(join(dir.path, "src"));
  mkdirSync(join(dir.path, "node_modules"));
  mkdirSync(join(dir.path, ".hanzo"));
  file("src/a.ts");
  file("gone.txt");
  const before = scanSource(dir.path);
  for (const noise of ["node_modules/x.js", ".hanzo/x", "src/.a.ts.swp", "src/a.ts~", "src/4913", "a.pyc"])
    file(noise);
  expect(changedPaths(before, scanSource(dir.path))).toEqual([]);
  file("src/a.ts", "longer");
  file(".env", "A=1");
  rmSync(join(dir.path, "gone.txt"));
  expect(changedPaths(before, scanSource(dir.path))).toEqual([".env", "gone.txt", "src/a.ts"]);
});

test("variables and secrets are watched, but no compiler sees them", () => {
  expect([isNoSource(".env"), isNoSource(".secrets.env"), isNoSource("target")]).toEqual([
    false,
    false,
    true,
  ]);
  expect([isNotCompiled(".env"), isNotCompiled(".secrets.env"), isNotCompiled("main.go")]).toEqual([
    true,
    true,
    false,
  ]);
});
