import { execFile } from "node:child_process";
import { mkdir, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, it } from "vitest";
import { exportGraphs } from "../src/index.ts";

const run = promisify(execFile);
const SCRIPT = fileURLToPath(new URL("reference.py", import.meta.url));
const CACHE = fileURLToPath(new URL("../../../.cache/", import.meta.url));
const PACKAGES = [
  'numpy==2.2.6; python_version < "3.11"',
  'numpy==2.4.6; python_version >= "3.11"',
  'onnxruntime==1.23.2; python_version < "3.11"',
  'onnxruntime==1.31.1; python_version >= "3.11"',
];

/** Folder with numpy and onnxruntime, kept between runs. Rejects where pip is missing or reaches no registry. */
async function librariesFolder(): Promise<string> {
  const { stdout } = await run("python3", ["-c", "import sys; print(sys.implementation.cache_tag)"]);
  const folder = join(CACHE, `models-reference-${stdout.trim()}`);
  if (await stat(folder).catch(() => undefined)) return folder;
  const part = `${folder}.${process.pid}`;
  try {
    await mkdir(part, { recursive: true });
    await run("python3", ["-m", "pip", "install", "--quiet", "--target", part, ...PACKAGES]);
    await rename(part, folder);
  } finally {
    await rm(part, { recursive: true, force: true });
  }
  return folder;
}

it("computes what the architectures' formulas say", { timeout: 240_000 }, async (ctx) => {
  const libraries = await librariesFolder().catch((error: Error) =>
    ctx.skip(`numpy and onnxruntime cannot be installed for python3: ${error.message.split("\n")[0]}`),
  );
  await using dir = await tempDir("hfm-");
  const root = join(dir.path, "models");
  const python = (verb: string) =>
    run("python3", ["-B", SCRIPT, verb, root], { env: { ...process.env, PYTHONPATH: libraries } });
  await python("make");
  for (const name of ["bert", "distilbert", "whisper"]) await exportGraphs(join(root, name));
  const found = JSON.parse((await python("compare")).stdout) as Record<string, number>;
  expect(Object.keys(found)).toEqual(["bert", "distilbert", "mel", "encoder", "decoder"]);
  for (const [what, difference] of Object.entries(found)) expect(difference, what).toBeLessThan(5e-5);
});
