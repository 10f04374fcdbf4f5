import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tempDir } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { findGo, findRust } from "./toolchains.ts";

/** A program that prints this, whatever it is asked. */
async function printing(dir: string, name: string, text: string): Promise<string> {
  const file = join(dir, name);
  await writeFile(file, `#!/bin/sh\nprintf '%s\\n' '${text}'\n`);
  await chmod(file, 0o755);
  return file;
}

describe("a toolchain", () => {
  it("that is not there is missing, with the version that it would have to be", async () => {
    expect(await findGo("/nonexistent/go")).toEqual({
      missing: "Go 1.22 or newer is not installed on this machine",
    });
    expect(await findRust("/nonexistent/rustc")).toEqual({
      missing: "Rust 1.77 or newer with cargo is not installed on this machine",
    });
  });

  it("that is too old is missing, and named", async () => {
    await using dir = await tempDir("hfn-toolchains-");
    const go = await printing(dir.path, "go", "/usr/lib/go-1.19\ngo1.19.8");
    expect((await findGo(go)).missing).toBe(
      "Go 1.22 or newer is not installed on this machine, only go1.19.8",
    );
    const rustc = await printing(dir.path, "rustc", "rustc 1.63.0 (4b91a6ea7 2022-08-08)");
    expect((await findRust(rustc)).missing).toContain("only rustc 1.63.0");
  });

  it("that is new enough is taken where it lies", async () => {
    await using dir = await tempDir("hfn-toolchains-");
    const go = await printing(dir.path, "go", "/opt/go\ngo1.30.1");
    expect(await findGo(go)).toEqual({ root: "/opt/go", version: "go1.30.1" });
  });
});
