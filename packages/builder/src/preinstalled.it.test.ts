import { execFileSync } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it, onTestFinished, type TestContext } from "vitest";
import { openBuilder, type TestBuilder } from "../test/compiled.ts";

async function open(python: boolean): Promise<TestBuilder> {
  const opened = await openBuilder(python ? { python: { command: ["python3"] } } : {});
  onTestFinished(() => opened[Symbol.asyncDispose]());
  return opened;
}

function needPython(context: TestContext): void {
  try {
    execFileSync("python3", ["-m", "pip", "--version"], { stdio: "ignore" });
  } catch {
    context.skip("python3 with pip is not installed here");
  }
}

describe("a pre-installed package", { timeout: 120_000 }, () => {
  it("that a Python function imports without pinning it is there, in one layer for all", async (context) => {
    needPython(context);
    const opened = await open(true);
    const files = { "handler.py": "import httpx\n\ndef run(ctx):\n    return httpx.__version__\n" };
    const one = await opened.build("python", "handler.run", files);
    const two = await opened.build("python", "handler.run", files, { org: "zoo" });
    expect(two.dir).not.toBe(one.dir);
    expect(two.paths).toEqual(one.paths);
    const [layer = ""] = one.paths;
    const script = `import sys; sys.path.insert(0, ${JSON.stringify(layer)}); import httpx; print(httpx.__version__)`;
    expect(execFileSync("python3", ["-S", "-c", script], { encoding: "utf8" }).trim()).toBe("0.28.1");
  });

  it("that a Python function pins itself is the function's own", async (context) => {
    needPython(context);
    const opened = await open(true);
    const copy = await opened.build("python", "handler.run", {
      "handler.py": "import httpx\n",
      "requirements.txt": "httpx==0.27.2\n",
    });
    expect(copy.paths).toHaveLength(1);
    expect(await readdir(copy.paths[0] ?? "")).toContain("httpx-0.27.2.dist-info");
  });

  it("that a TypeScript function imports is found above its source, beside what it installs itself", async () => {
    const opened = await open(false);
    const copy = await opened.build("typescript", "handler.run", {
      "handler.ts": `import ms from "ms";
import { Tokenizer } from "@huggingface/tokenizers";
export const run = () => [typeof Tokenizer, ms("1s")];`,
      "package.json": `{"dependencies": {"ms": "2.1.3"}}`,
    });
    const file = pathToFileURL(join(copy.dir, "handler.hanzo.mjs")).href;
    const script = `import(${JSON.stringify(file)}).then((m) => console.log(JSON.stringify(m.run())))`;
    expect(JSON.parse(execFileSync(process.execPath, ["-e", script], { encoding: "utf8" }))).toEqual([
      "function",
      1000,
    ]);
  });
});
