import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { removeAbandoned, sealTree } from "./seal.ts";
import type { BuildReference } from "./types.ts";

/** What is kept beside a working copy. */
export interface CopyRecord {
  readonly layerKey?: string | undefined;
  /** Name of the layer's directory. */
  readonly layer?: string | undefined;
  /** Name of the directory of the pre-installed packages' layer. */
  readonly shared?: string | undefined;
  /** Variables that the instances get besides the function's own. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly paths: readonly string[];
  /** The layer is the program. */
  readonly compiled?: boolean | undefined;
}

/** Names of the layers that a copy needs. */
export function layersOf(record: CopyRecord | undefined): readonly string[] {
  return [record?.layer, record?.shared].filter((name) => name !== undefined);
}

export interface CopyStore {
  name(reference: BuildReference): string;
  source(name: string): string;
  find(name: string): Promise<CopyRecord | undefined>;
  /** Makes the copy: `fill` works in a directory that becomes the copy by one rename. */
  create(name: string, fill: (dir: string) => Promise<CopyRecord>): Promise<CopyRecord>;
  /** Removes copies that are not in `kept`; answers the layers that the others need. */
  collect(kept: (name: string) => boolean): Promise<{ removed: number; layers: ReadonlySet<string> }>;
}

const TEMPORARY = ".tmp-";
const RECORD = "copy.json";

/** A secret of this installation: made at the first start, kept 0600 beside the copies. */
export async function loadSecret(workRoot: string): Promise<Buffer> {
  const file = join(workRoot, ".secret");
  const known = await readFile(file).catch(() => undefined);
  if (known?.length === 32) return known;
  const temporary = join(workRoot, `.secret-${randomUUID()}`);
  await writeFile(temporary, randomBytes(32), { mode: 0o600, flag: "wx", flush: true });
  await rename(temporary, file);
  return readFile(file);
}

/** `toolchains`: runtime -> version of what compiles its code, which then decides about a copy like the source does. */
export function createCopyStore(
  workRoot: string,
  secret: Buffer,
  toolchains: Readonly<Record<string, string>>,
): CopyStore {
  const source = (name: string): string => join(workRoot, name, "source");

  const find = async (name: string): Promise<CopyRecord | undefined> => {
    const text = await readFile(join(workRoot, name, RECORD), "utf8").catch(() => undefined);
    return text === undefined ? undefined : (JSON.parse(text) as CopyRecord);
  };

  const remove = async (name: string): Promise<void> => {
    // Gone at once for whoever looks it up, however long the removal takes.
    const trash = join(workRoot, `${TEMPORARY}${randomUUID()}`);
    await rename(join(workRoot, name), trash).catch(() => {});
    await rm(trash, { recursive: true, force: true });
  };

  return {
    source,
    find,
    name({ org, sourceDigest, runtime, entry }) {
      const toolchain = toolchains[runtime];
      const own = toolchain === undefined ? [] : [toolchain];
      const key = JSON.stringify(["copy", org, sourceDigest, runtime, entry, ...own]);
      return createHmac("sha256", secret).update(key).digest("hex");
    },
    async create(name, fill) {
      const temporary = join(workRoot, `${TEMPORARY}${randomUUID()}`);
      await mkdir(temporary, { mode: 0o755 });
      try {
        const record = await fill(temporary);
        await sealTree(temporary);
        await writeFile(join(temporary, RECORD), JSON.stringify(record), { mode: 0o600, flush: true });
        await remove(name);
        await rename(temporary, join(workRoot, name));
        return record;
      } finally {
        await rm(temporary, { recursive: true, force: true });
      }
    },
    async collect(kept) {
      const layers = new Set<string>();
      let removed = 0;
      for (const name of await readdir(workRoot)) {
        if (/^[0-9a-f]{64}$/.test(name)) {
          const record = await find(name);
          if (!kept(name)) {
            await remove(name);
            removed += 1;
          } else for (const layer of layersOf(record)) layers.add(basename(layer));
        } else if (name.startsWith(TEMPORARY)) await removeAbandoned(join(workRoot, name));
      }
      return { removed, layers };
    },
  };
}
