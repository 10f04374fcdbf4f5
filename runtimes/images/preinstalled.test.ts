import { execFile } from "node:child_process";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import type { ImageRuntime } from "@hanzo-fn/oci";
import { tempDir } from "@hanzo-fn/testkit";
import { describe, expect, it } from "vitest";
import { variantName } from "../../scripts/images/preinstalled.ts";
import { ROOT } from "../../scripts/run-command.ts";
import { type UnpackedImage, unpackedImage } from "../conformance/container.ts";
import { Container, needImages } from "./container.ts";

const run = promisify(execFile);

/** The variant of an image with these packages. */
async function variant(
  layout: string,
  runtime: ImageRuntime,
  packages: readonly string[],
): Promise<UnpackedImage> {
  const args = [
    "scripts/images.ts",
    "--out",
    layout,
    "--preinstalled",
    "--packages",
    packages.join(","),
    runtime,
  ];
  await run(process.execPath, args, { cwd: ROOT });
  return unpackedImage(layout, variantName(runtime, packages));
}

/** Serves one file in the image; answers what a call gets. */
async function answerOf(image: UnpackedImage, name: string, code: string): Promise<unknown> {
  await using source = await tempDir();
  await chmod(source.path, 0o755);
  await writeFile(join(source.path, name), code);
  const env = { HANZO_FN_SOURCE: "/app", HANZO_FN_ENTRY: "handler.run" };
  await using container = await Container.start(image, { env, folders: { "/app": source.path } });
  await container.ready();
  return (await container.call()).json();
}

describe("the pre-installed packages in an image", { timeout: 300_000 }, () => {
  it("numpy, httpx and pydantic: a Python function imports them", async (context) => {
    const image = await variant(needImages(context), "python", ["httpx", "numpy", "pydantic"]);
    const code = `import httpx, numpy, pydantic

class Point(pydantic.BaseModel):
    x: int

def run(ctx):
    return [int(numpy.arange(4).sum()), httpx.__version__, Point(x="3").x, numpy.__file__]
`;
    expect(await answerOf(image, "handler.py", code)).toEqual([
      6,
      "0.28.1",
      3,
      "/opt/hanzo/preinstalled/numpy/__init__.py",
    ]);
  });

  it("onnxruntime-node: a TypeScript function loads its library", async (context) => {
    const image = await variant(needImages(context), "typescript", ["onnxruntime-node"]);
    const code = `import ort from "onnxruntime-node";
export const run = () => [typeof ort.InferenceSession.create, new ort.Tensor("float32", [1, 2], [2]).size];
`;
    expect(await answerOf(image, "handler.mjs", code)).toEqual(["function", 2]);
  });

  it.for(["go", "rust"] as const)(
    "onnxruntime's library is where HANZO_ONNXRUNTIME says, and all that it needs is in the image (%s)",
    async (runtime, context) => {
      const image = await variant(needImages(context), runtime, ["onnxruntime"]);
      const library = "/opt/hanzo/lib/libonnxruntime.so";
      expect(image.config.Env).toContain(`HANZO_ONNXRUNTIME=${library}`);
      const loader = process.arch === "arm64" ? "/lib/ld-linux-aarch64.so.1" : "/lib64/ld-linux-x86-64.so.2";
      await using container = await Container.start(image, { args: [loader, "--list", library] });
      expect(await container.exited, container.output).toBe(0);
      expect(container.output).toContain("libstdc++.so.6 =>");
      expect(container.output).not.toContain("not found");
    },
  );
});
