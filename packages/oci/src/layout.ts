import { createHash, randomBytes } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { access, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { PlatformError } from "@hanzo-fn/contract";
import { MEDIA, type Descriptor, type Manifest } from "./media-types.ts";

const REF_NAME = "org.opencontainers.image.ref.name";

interface Index {
  readonly schemaVersion: 2;
  readonly mediaType: typeof MEDIA.index;
  readonly manifests: readonly Descriptor[];
}

/** An OCI image layout on disk (image-spec v1.1, image-layout.md). Blobs appear whole or not at all. */
export interface Layout {
  readonly root: string;
  putBlob(source: Readable, signal: AbortSignal): Promise<{ readonly digest: string; readonly size: number }>;
  putJson(mediaType: string, value: unknown, signal: AbortSignal): Promise<Descriptor>;
  has(digest: string): Promise<boolean>;
  /** From byte `start` to byte `end` (not in it); the whole blob where they are not given. Throws `not_found`. */
  openBlob(digest: string, range?: { readonly start: number; readonly end: number }): Promise<Readable>;
  /** Throws `not_found`, and `bad_request` where the bytes do not have that digest. */
  readJson<T>(digest: string): Promise<T>;
  /** Points a name at a manifest; what it pointed at before stays as a blob. */
  tag(name: string, manifest: Descriptor): Promise<void>;
  /** Removes blobs that no name leads to, those that an image under way may want excepted: the young. Answers how many. */
  collect(olderThanMs: number): Promise<number>;
  /** The manifest that a name points at. */
  find(name: string): Promise<{ readonly descriptor: Descriptor; readonly manifest: Manifest } | undefined>;
}

export async function openLayout(root: string): Promise<Layout> {
  const blobs = join(root, "blobs", "sha256");
  await mkdir(blobs, { recursive: true });
  await writeFile(join(root, "oci-layout"), JSON.stringify({ imageLayoutVersion: "1.0.0" }));
  const pathOf = (digest: string): string => join(blobs, hexOf(digest));

  const putBlob: Layout["putBlob"] = async (source, signal) => {
    const fresh = join(blobs, `.${randomBytes(8).toString("hex")}`);
    const hash = createHash("sha256");
    let size = 0;
    const observed = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        done(null, chunk);
      },
    });
    try {
      await pipeline(source, observed, createWriteStream(fresh), { signal });
      const digest = `sha256:${hash.digest("hex")}`;
      await rename(fresh, pathOf(digest));
      return { digest, size };
    } catch (error) {
      await rm(fresh, { force: true });
      throw error;
    }
  };

  const openBlob: Layout["openBlob"] = async (digest, range) => {
    const path = pathOf(digest);
    if (!(await stat(path).catch(() => undefined))?.isFile()) throw missing(digest);
    return createReadStream(path, range === undefined ? {} : { start: range.start, end: range.end - 1 });
  };

  const readIndex = async (): Promise<Index> => {
    const text = await readFile(join(root, "index.json"), "utf8").catch(() => undefined);
    return text === undefined
      ? { schemaVersion: 2, mediaType: MEDIA.index, manifests: [] }
      : (JSON.parse(text) as Index);
  };

  const readJson = async <T>(digest: string): Promise<T> => {
    const bytes = await readFile(pathOf(digest)).catch(() => undefined);
    if (bytes === undefined) throw missing(digest);
    if (createHash("sha256").update(bytes).digest("hex") !== hexOf(digest)) {
      throw new PlatformError("bad_request", `the blob ${digest} has other bytes`, { component: "oci" });
    }
    return JSON.parse(bytes.toString("utf8")) as T;
  };

  return {
    root,
    putBlob,
    openBlob,
    readJson,
    has: (digest) =>
      access(pathOf(digest)).then(
        () => true,
        () => false,
      ),
    async putJson(mediaType, value, signal) {
      const { digest, size } = await putBlob(Readable.from([Buffer.from(JSON.stringify(value))]), signal);
      return { mediaType, digest, size };
    },
    async tag(name, manifest) {
      const index = await readIndex();
      const others = index.manifests.filter((one) => one.annotations?.[REF_NAME] !== name);
      const manifests = [...others, { ...manifest, annotations: { [REF_NAME]: name } }].toSorted((a, b) =>
        (a.annotations?.[REF_NAME] ?? "") < (b.annotations?.[REF_NAME] ?? "") ? -1 : 1,
      );
      const fresh = join(root, `.index.${randomBytes(8).toString("hex")}`);
      await writeFile(fresh, JSON.stringify({ ...index, manifests }));
      await rename(fresh, join(root, "index.json"));
    },
    async collect(olderThanMs) {
      const kept = new Set<string>();
      for (const { digest } of (await readIndex()).manifests) {
        const manifest = await readJson<Manifest>(digest);
        for (const blob of [digest, manifest.config.digest, ...manifest.layers.map((layer) => layer.digest)])
          kept.add(hexOf(blob));
      }
      let removed = 0;
      for (const name of await readdir(blobs)) {
        const info = kept.has(name) ? undefined : await stat(join(blobs, name)).catch(() => undefined);
        if (info === undefined || Date.now() - info.mtimeMs < olderThanMs) continue;
        await rm(join(blobs, name), { force: true });
        removed += 1;
      }
      return removed;
    },
    async find(name) {
      const descriptor = (await readIndex()).manifests.find((one) => one.annotations?.[REF_NAME] === name);
      if (descriptor === undefined) return undefined;
      return { descriptor, manifest: await readJson<Manifest>(descriptor.digest) };
    },
  };
}

function hexOf(digest: string): string {
  const hex = /^sha256:([0-9a-f]{64})$/.exec(digest)?.[1];
  if (hex === undefined)
    throw new PlatformError("bad_request", `${digest} is no sha256 digest`, { component: "oci" });
  return hex;
}

function missing(digest: string): PlatformError {
  return new PlatformError("not_found", `the blob ${digest} is not in the layout`, { component: "oci" });
}
