import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { posix } from "node:path";
import { buffer } from "node:stream/consumers";
import {
  type Descriptor,
  type Layout as Images,
  type Manifest,
  MEDIA,
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

/** Sends what the registry at `url` has not yet, the manifest last. */
export async function pushImage(
  images: Images,
  image: Image,
  url: string,
  signal: AbortSignal,
): Promise<void> {
  const manifest = await images.readJson<Manifest>(image.descriptor.digest);
  const repository = `${url}/v2/${image.name}`;
  const blobs = [manifest.config, ...manifest.layers];
  await Promise.all(blobs.map((blob) => pushBlob(images, repository, blob.digest, signal)));
  const bytes = await buffer(await images.openBlob(image.descriptor.digest));
  await answered(`${repository}/manifests/${image.tag}`, 201, {
    method: "PUT",
    body: bytes,
    headers: { "content-type": MEDIA.manifest },
    signal,
  });
}

async function pushBlob(
  images: Images,
  repository: string,
  digest: string,
  signal: AbortSignal,
): Promise<void> {
  const known = await fetch(`${repository}/blobs/${digest}`, { method: "HEAD", signal });
  if (known.status === 200) return;
  const opened = await answered(`${repository}/blobs/uploads/`, 202, { method: "POST", signal });
  const target = new URL(opened.headers.get("location") ?? "", repository);
  target.searchParams.set("digest", digest);
  const body = await buffer(await images.openBlob(digest));
  const headers = { "content-type": "application/octet-stream" };
  await answered(target.href, 201, { method: "PUT", body, headers, signal });
}

async function answered(url: string, status: number, init: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (response.status === status) return response;
  throw new Error(`${init.method} ${url}: ${response.status} ${await response.text()}`);
}
