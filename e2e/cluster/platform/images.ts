import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { systemClock } from "@hanzo-fn/lifecycle";
import {
  createRegistry,
  type Descriptor,
  httpTransport,
  type Layout as Images,
  pushImage,
  writeImage,
  writeLayer,
} from "@hanzo-fn/oci";
import { REGISTRY } from "../layout.ts";

const NOBODY = "65532";
const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;

/** An image in the layout on disk that a push sends. */
export interface Image {
  readonly name: string;
  readonly tag: string;
  readonly descriptor: Descriptor;
  /** As a pod names it, by digest. */
  readonly reference: string;
}

/**
 * One layer with one static program, and the folder /tmp that Knative's runtime contract asks for. The tag names the
 * program's bytes: what is in the layout already is not compressed again.
 */
export async function programImage(
  images: Images,
  name: string,
  program: { readonly file: string; readonly path: string },
  signal: AbortSignal,
): Promise<Image> {
  const bytes = await readFile(program.file);
  const tag = createHash("sha256").update(bytes).update(program.path).digest("hex").slice(0, 16);
  const known = await images.find(`${name}:${tag}`);
  const descriptor =
    known?.descriptor ?? (await write(images, `${name}:${tag}`, program, bytes.length, signal));
  return { name, tag, descriptor, reference: `${REGISTRY}/${name}@${descriptor.digest}` };
}

async function write(
  images: Images,
  name: string,
  program: { readonly file: string; readonly path: string },
  size: number,
  signal: AbortSignal,
): Promise<Descriptor> {
  const layer = await writeLayer(
    images,
    [
      { kind: "directory", path: "/tmp", mode: 0o1777 },
      { kind: "copy", path: program.path, mode: 0o755, from: program.file, size },
    ],
    { createdBy: posix.basename(program.path) },
    signal,
  );
  const config = { User: NOBODY, WorkingDir: "/", Env: ["PATH=/"], Entrypoint: [program.path] };
  const recipe = { architecture: ARCHITECTURE, layers: [layer], config };
  return writeImage(images, name, recipe, signal);
}

/** Sends what the registry at `url` has not yet. */
export async function sendImage(
  images: Images,
  image: Image,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const { host, protocol } = new URL(url);
  const log = { warn: () => {} };
  const parts = { host, transport: httpTransport(), clock: systemClock, log };
  const registry = createRegistry(parts, { insecure: protocol === "http:" });
  const target = { registry, repository: image.name, tags: [image.tag] };
  await pushImage([images], image.descriptor, target, signal);
}
