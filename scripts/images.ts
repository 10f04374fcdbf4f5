/**
 * Assembles the four runtime images into an OCI layout: `node scripts/images.ts [--out .cache/images] [runtime ...]`.
 * Prints one line of JSON per image: name, digest, compressed bytes.
 */
import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { parseArgs, promisify } from "node:util";
import {
  compiledServer,
  type Descriptor,
  imageSize,
  type ImageRuntime,
  type LayerEntry,
  type Layout,
  openLayout,
  pythonByteCode,
  pythonServer,
  RUNTIME_IMAGES,
  typescriptServer,
  unpackImage,
  writeRuntimeImage,
} from "@hanzo-fn/oci";
import { emitServer } from "@hanzo/functions/emit";
import { ROOT } from "./run-command.ts";

const run = promisify(execFile);
const NODE_VERSION = "22.23.3";
const CACHE = join(ROOT, ".cache");
const RUNTIMES = join(ROOT, "runtimes");
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: "amd64", arm64: "arm64" };

interface Parts {
  readonly server: readonly LayerEntry[];
  readonly env?: Readonly<Record<string, string>>;
  readonly finish?: (image: Descriptor) => Promise<readonly LayerEntry[]>;
}

/** What is in the image of one runtime besides Debian's packages; `work` is a folder that goes afterwards. */
async function partsOf(
  runtime: ImageRuntime,
  work: string,
  layout: Layout,
  signal: AbortSignal,
): Promise<Parts> {
  switch (runtime) {
    case "python":
      return {
        server: await pythonServer(join(RUNTIMES, "python")),
        finish: async () => {
          const root = join(work, "root");
          const found = await layout.find(RUNTIME_IMAGES.python);
          if (found !== undefined) await unpackImage(layout, found.manifest, root, signal);
          return pythonByteCode(root, signal);
        },
      };
    case "typescript": {
      await emitServer(join(work, "server"), process.execPath, signal);
      const env = { NODE_OPTIONS: "--enable-source-maps" };
      return { server: await typescriptServer(join(work, "server"), await nodeProgram(signal)), env };
    }
    case "go": {
      const agent = join(work, "agent");
      const flags = [
        "build",
        "-trimpath",
        "-buildvcs=false",
        "-ldflags=-s -w -buildid=",
        "-o",
        agent,
        "./agent",
      ];
      await run("go", flags, {
        cwd: join(RUNTIMES, "go"),
        signal,
        env: { ...process.env, CGO_ENABLED: "0" },
      });
      return { server: await compiledServer(agent) };
    }
    case "rust": {
      const target = join(CACHE, "rust-agent");
      const flags = ["build", "--release", "--locked", "--bin", "hanzo-fn-agent", "--target-dir", target];
      const remap = `--remap-path-prefix=${ROOT}=/hanzo-fn -C strip=symbols`;
      await run("cargo", flags, {
        cwd: join(RUNTIMES, "rust"),
        signal,
        env: { ...process.env, RUSTFLAGS: remap },
      });
      return { server: await compiledServer(join(target, "release", "hanzo-fn-agent")) };
    }
  }
}

/** The program of Node that the image carries, from its npm package. */
async function nodeProgram(signal: AbortSignal): Promise<string> {
  const folder = join(CACHE, `node-${NODE_VERSION}`);
  await mkdir(folder, { recursive: true });
  const name = `node-linux-${process.arch}`;
  await run("npm", ["install", "--silent", "--no-save", "--prefix", folder, `${name}@${NODE_VERSION}`], {
    signal,
  });
  return join(folder, "node_modules", name, "bin", "node");
}

const { values, positionals } = parseArgs({
  options: { out: { type: "string", default: join(CACHE, "images") } },
  allowPositionals: true,
});
const wanted = (positionals.length > 0 ? positionals : Object.keys(RUNTIME_IMAGES)) as ImageRuntime[];
const signal = AbortSignal.timeout(15 * 60_000);
const layout = await openLayout(resolve(values.out));
for (const runtime of wanted) {
  const work = await mkdtemp(join(tmpdir(), "hanzo-fn-image-"));
  try {
    const parts = await partsOf(runtime, work, layout, signal);
    const architecture = ARCHITECTURES[process.arch] ?? process.arch;
    const packages = join(CACHE, "debian-packages");
    const image = await writeRuntimeImage(layout, { runtime, architecture, packages, ...parts }, signal);
    const found = await layout.find(RUNTIME_IMAGES[runtime]);
    const bytes = found === undefined ? 0 : imageSize(found.manifest);
    console.log(JSON.stringify({ image: RUNTIME_IMAGES[runtime], digest: image.digest, bytes }));
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}
