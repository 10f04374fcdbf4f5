import { createHash, randomBytes } from "node:crypto";
import { chmod, link, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";
import { refuse } from "../refuse.ts";
import { type Room, roomOn } from "../room.ts";
import type { FoundModel, SourceFile } from "./source.ts";

export interface ModelFile {
  /** Relative to `path`, with slashes. */
  readonly name: string;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
}

/** A model on this machine: immutable, and readable by instances of any user. */
export interface LocalModel {
  /** Absolute directory. */
  readonly path: string;
  /** Of names, sizes and contents, in hex. */
  readonly digest: string;
  readonly files: readonly ModelFile[];
}

export interface ModelTrees {
  /** What was taken in last from this place, if it had these stamps; undefined where nothing was, or it is gone. */
  find(place: string, stamps: string | undefined): Promise<LocalModel | undefined>;
  /** Takes a model in; nothing of it is seen before all of it is there. */
  take(found: FoundModel, stamps: string, signal: AbortSignal): Promise<LocalModel>;
}

/** Writes into a model's folder what functions need to load it; answers the names of the files that it added. */
export type CompleteModel = (folder: string) => Promise<readonly string[]>;

/** Raise it when trees are made differently: what was taken in before is then taken in anew. */
const FORMAT = 2;

interface IndexEntry {
  readonly format: number;
  readonly place: string;
  readonly stamps: string;
  readonly digest: string;
  readonly files: readonly ModelFile[];
}

const hex = (text: string): string => createHash("sha256").update(text).digest("hex");
const ignoreExisting = (error: NodeJS.ErrnoException): void => {
  if (error.code !== "EEXIST" && error.code !== "ENOTEMPTY") throw error;
};

function explain(error: unknown): unknown {
  if ((error as NodeJS.ErrnoException).code !== "ENOSPC") return error;
  return refuse("storage_full", "there is no room for the model on this machine's disk", { cause: error });
}

/** Writes a file as it comes and hashes it. Throws where it ends early or goes on for too long. */
async function download(
  file: SourceFile,
  path: string,
  { room, signal }: { readonly room: Room; readonly signal: AbortSignal },
): Promise<ModelFile> {
  const hash = createHash("sha256");
  let size = 0;
  await using handle = await open(path, "wx", 0o444);
  for await (const chunk of room.within(await file.open(signal))) {
    signal.throwIfAborted();
    hash.update(chunk);
    size += chunk.length;
    await handle.writeFile(chunk);
  }
  if (size !== file.size) {
    throw refuse(
      "unavailable",
      `${file.name} has ${size} bytes instead of ${file.size}: it changed while it was read`,
    );
  }
  await handle.sync();
  return { name: file.name, size, sha256: hash.digest("hex") };
}

/** A file that was made here, as those that came are: on the disk, and nobody's to change. */
async function madeFile(folder: string, name: string): Promise<ModelFile> {
  const path = join(folder, name);
  await chmod(path, 0o444);
  await using handle = await open(path, "r");
  const content = await handle.readFile();
  await handle.sync();
  return { name, size: content.length, sha256: createHash("sha256").update(content).digest("hex") };
}

function digestOf(files: readonly ModelFile[]): string {
  return hex(files.map(({ name, size, sha256 }) => `${name}\0${size}\0${sha256}\n`).join(""));
}

/** Every folder of these files, those above first; `.` is the model's own. */
function foldersOf(files: readonly ModelFile[]): string[] {
  const folders = new Set(["."]);
  for (const { name } of files) {
    const segments = name.split("/").slice(0, -1);
    for (const i of segments.keys()) folders.add(segments.slice(0, i + 1).join("/"));
  }
  return [...folders].sort();
}

/** Models by content: files once by their hash, and a directory of links to them for each model. */
export async function openModelTrees(root: string, complete: CompleteModel): Promise<ModelTrees> {
  const places = {
    blobs: join(root, "blobs"),
    trees: join(root, "trees"),
    index: join(root, "index"),
    incoming: join(root, "incoming"),
  };
  await rm(places.incoming, { recursive: true, force: true });
  for (const [name, path] of [["root", root], ...Object.entries(places)] as const) {
    // Functions may pass through to what they were told of, but not look around.
    const mode = name === "root" || name === "trees" ? 0o711 : 0o700;
    await mkdir(path, { recursive: true, mode });
    await chmod(path, mode);
  }
  const room = roomOn(root);
  const indexFile = (place: string): string => join(places.index, hex(place));
  const fresh = (): string => join(places.incoming, randomBytes(12).toString("hex"));

  const takeFile = async (file: SourceFile, signal: AbortSignal): Promise<ModelFile> => {
    const temporary = fresh();
    try {
      const taken = await download(file, temporary, { room, signal });
      await chmod(temporary, 0o444);
      await link(temporary, join(places.blobs, taken.sha256)).catch(ignoreExisting);
      return taken;
    } finally {
      await rm(temporary, { force: true });
    }
  };
  /** A folder of links to files that are there. */
  const linkAll = async (folder: string, files: readonly ModelFile[]): Promise<void> => {
    for (const each of foldersOf(files)) {
      await mkdir(join(folder, each));
      // Whatever the umask is.
      await chmod(join(folder, each), 0o755);
    }
    for (const { name, sha256 } of files) await link(join(places.blobs, sha256), join(folder, name));
  };
  /** What the model needs besides its own files. */
  const addMissing = async (folder: string, place: string): Promise<ModelFile[]> => {
    const names = await complete(folder).catch((error: unknown) => {
      if (!(error instanceof PlatformError) || error.code !== "bad_request") throw error;
      throw refuse("unsupported", `the model in ${place} cannot be loaded: ${error.message}`, {
        cause: error,
      });
    });
    const added: ModelFile[] = [];
    for (const name of names) {
      const file = await madeFile(folder, name);
      await link(join(folder, name), join(places.blobs, file.sha256)).catch(ignoreExisting);
      added.push(file);
    }
    return added;
  };
  const makeTree = async (found: FoundModel, taken: readonly ModelFile[]): Promise<LocalModel> => {
    const temporary = fresh();
    try {
      await linkAll(temporary, taken);
      const added = await addMissing(temporary, found.place);
      const files = [...taken, ...added].toSorted((a, b) => (a.name < b.name ? -1 : 1));
      const digest = digestOf(files);
      const path = join(places.trees, digest);
      await rename(temporary, path).catch(ignoreExisting);
      return { path, digest, files };
    } finally {
      await rm(temporary, { recursive: true, force: true });
    }
  };
  const remember = async (entry: IndexEntry): Promise<void> => {
    const temporary = fresh();
    await writeFile(temporary, JSON.stringify(entry));
    await rename(temporary, indexFile(entry.place));
  };

  return {
    async find(place, stamps) {
      const text = await readFile(indexFile(place), "utf8").catch(() => undefined);
      if (text === undefined) return undefined;
      const { format, digest, files, stamps: taken } = JSON.parse(text) as IndexEntry;
      const path = join(places.trees, digest);
      const there = (await stat(path).catch(() => undefined))?.isDirectory() ?? false;
      const isCurrent = stamps === undefined || (stamps === taken && format === FORMAT);
      return there && isCurrent ? { path, digest, files } : undefined;
    },
    async take(found, stamps, signal) {
      try {
        const files: ModelFile[] = [];
        for (const file of found.files) files.push(await takeFile(file, signal));
        const model = await makeTree(found, files);
        const { digest, files: all } = model;
        await remember({ format: FORMAT, place: found.place, stamps, digest, files: all });
        return model;
      } catch (error) {
        throw explain(error);
      }
    },
  };
}
