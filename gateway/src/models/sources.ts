import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import type { ObjectInfo, Objects } from "@hanzo-fn/blobs";
import { refuse } from "../refuse.ts";
import { MODELS_BUCKET } from "../storage/access.ts";
import { modelFolder } from "./names.ts";
import {
  type FoundModel,
  MAX_FILES,
  type ModelSource,
  type ModelSources,
  type SourceFile,
} from "./source.ts";

function tooMany(place: string): Error {
  return refuse("unsupported", `${place} has more than ${MAX_FILES} files`);
}

async function fileOf(folder: string, path: string): Promise<SourceFile | undefined> {
  // Follows links: caches of models are made of them.
  const found = await stat(path).catch(() => undefined);
  if (found === undefined || !found.isFile()) return undefined;
  return {
    name: relative(folder, path).split(sep).join("/"),
    size: found.size,
    stamp: `${found.size}-${found.mtimeMs}-${found.ino}`,
    open: (signal) => Promise.resolve(createReadStream(path, { signal, highWaterMark: 1 << 20 })),
  };
}

/** A plain directory. */
function directorySource(folder: string): ModelSource {
  return {
    place: folder,
    async find() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
      if (entries.length > MAX_FILES) throw tooMany(folder);
      const paths = entries.map((entry) => join(entry.parentPath, entry.name)).toSorted();
      const files = (await Promise.all(paths.map((path) => fileOf(folder, path)))).filter(
        (file) => file !== undefined,
      );
      return files.length === 0 ? undefined : { place: folder, files };
    },
  };
}

async function listAll(objects: Objects, prefix: string, signal: AbortSignal): Promise<ObjectInfo[]> {
  const found: ObjectInfo[] = [];
  let cursor: string | undefined;
  do {
    const page = await objects.list(MODELS_BUCKET, { prefix, cursor, signal });
    found.push(...page.objects);
    if (found.length > MAX_FILES) throw tooMany(`s3://${MODELS_BUCKET}/${prefix}`);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return found;
}

/** Objects whose keys begin with `base`, in the models' bucket. */
function objectSource(objects: Objects, base: string): ModelSource {
  const place = `s3://${MODELS_BUCKET}/${base}`;
  const find = async (signal: AbortSignal): Promise<FoundModel | undefined> => {
    const found = await listAll(objects, base, signal).catch((error: unknown) => {
      if ((error as { code?: unknown }).code === "not_found") return [];
      throw error;
    });
    const folder = base + modelFolder(found.map(({ key }) => key.slice(base.length)));
    const files = found
      .filter(({ key }) => key.startsWith(folder) && !key.endsWith("/"))
      .map(({ key, size, etag }): SourceFile => ({
        name: key.slice(folder.length),
        size,
        stamp: etag,
        open: async (reading) => (await objects.get(MODELS_BUCKET, key, { signal: reading })).body,
      }));
    return files.length === 0 ? undefined : { place: `s3://${MODELS_BUCKET}/${folder}`, files };
  };
  return { place, find };
}

/** A directory of the operator's first, then the models' bucket: shared models, Hanzo's own, the organisation's. */
export function createModelSources(objects: Objects, directory: string | undefined): ModelSources {
  return (name, org) => [
    ...(directory === undefined ? [] : [directorySource(join(directory, name))]),
    ...[`${name}/`, `zen/${name}/`, `fine-tuned/${org}/${name}/`].map((base) => objectSource(objects, base)),
  ];
}
