import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  type BaseImage,
  type Descriptor,
  type ImageRuntime,
  type Layout,
  openLayout,
  pythonByteCode,
  pythonInterpreter,
  RUNTIME_IMAGES,
  unpackImage,
  writeRuntimeImage,
} from "@hanzo-fn/oci";
import { ROOT } from "../run-command.ts";
import { inputsOf } from "./inputs.ts";
import { serverFiles } from "./server-files.ts";

export const CACHE = join(ROOT, ".cache");
export const PACKAGES = join(CACHE, "debian-packages");
export const ARCHITECTURE = { x64: "amd64", arm64: "arm64" }[process.arch as "x64"] ?? process.arch;

/** No image takes longer. */
const UNDER_WAY_MS = 3_600_000;

export interface AssembleOptions {
  /** The OCI layout. */
  readonly out: string;
  readonly runtimes: readonly ImageRuntime[];
  /** Instead of Debian packages. */
  readonly base?: BaseImage | undefined;
  /** Assemble also what did not change. Default false. */
  readonly always?: boolean | undefined;
}

/** Assembles runtime images; those whose inputs did not change since are left alone. Answers them by name. */
export async function assembleImages(
  { out, runtimes, base, always }: AssembleOptions,
  signal: AbortSignal,
): Promise<ReadonlyMap<ImageRuntime, Descriptor>> {
  const layout = await openLayout(out);
  const record = `${out}.inputs.json`;
  const known = JSON.parse(await readFile(record, "utf8").catch(() => "{}")) as Record<string, string>;
  const images = new Map<ImageRuntime, Descriptor>();
  let assembled = 0;
  for (const runtime of runtimes) {
    const found = await layout.find(RUNTIME_IMAGES[runtime]);
    const unchanged = known[runtime] === (await inputsOf(runtime, PACKAGES));
    if (found !== undefined && unchanged && base === undefined && always !== true) {
      images.set(runtime, found.descriptor);
      continue;
    }
    images.set(runtime, await assemble(layout, runtime, base, signal));
    assembled += 1;
    // Read again: packages may have been downloaded meanwhile.
    if (base === undefined) known[runtime] = await inputsOf(runtime, PACKAGES);
    else delete known[runtime];
    await writeFile(record, JSON.stringify(known));
  }
  if (assembled > 0) await removeOld(layout);
  return images;
}

/** What images were before: their blobs, and where the conformance suite unpacked them. */
async function removeOld(layout: Layout): Promise<void> {
  await layout.collect(UNDER_WAY_MS);
  const roots = `${layout.root}-roots`;
  for (const name of await readdir(roots).catch(() => [])) {
    if (await layout.has(`sha256:${name.split(".")[0]}`)) continue;
    await rm(join(roots, name), { recursive: true, force: true });
  }
}

async function assemble(
  layout: Layout,
  runtime: ImageRuntime,
  base: BaseImage | undefined,
  signal: AbortSignal,
): Promise<Descriptor> {
  const work = await mkdtemp(join(tmpdir(), "hanzo-fn-image-"));
  try {
    const root = join(work, "root");
    if (base !== undefined && runtime === "python") await unpackNamed(base.layout, base.name, root, signal);
    const interpreter =
      base !== undefined && runtime === "python" ? await pythonInterpreter(root) : undefined;
    await rm(root, { recursive: true, force: true });
    const files = await serverFiles(runtime, { work, cache: CACHE, interpreter }, signal);
    const finish = async () => {
      await unpackNamed(layout, RUNTIME_IMAGES[runtime], root, signal);
      return pythonByteCode(root, signal);
    };
    const input = { runtime, architecture: ARCHITECTURE, packages: PACKAGES, base, ...files };
    return await writeRuntimeImage(layout, runtime === "python" ? { ...input, finish } : input, signal);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

export async function unpackNamed(
  layout: Layout,
  name: string,
  root: string,
  signal: AbortSignal,
): Promise<void> {
  const found = await layout.find(name);
  if (found === undefined) throw new Error(`${name} is not in ${layout.root}`);
  await unpackImage(layout, found.manifest, root, signal);
}
