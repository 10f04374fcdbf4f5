import { randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** JSON values under names, a file each; they appear whole or not at all, and a torn disk reads as nothing. */
export interface Records<T> {
  get(name: string): Promise<T | undefined>;
  put(name: string, value: T): Promise<void>;
  remove(name: string): Promise<void>;
  all(): Promise<ReadonlyMap<string, T>>;
}

const NAME = /^([0-9a-f]{64})\.json$/;

/** Names are SHA-256 in hexadecimal. */
export async function openRecords<T>(folder: string): Promise<Records<T>> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const fileOf = (name: string): string => join(folder, `${name}.json`);
  const get = async (name: string): Promise<T | undefined> => {
    const text = await readFile(fileOf(name), "utf8").catch(() => undefined);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T;
    } catch {
      return undefined;
    }
  };
  return {
    get,
    async put(name, value) {
      const fresh = join(folder, `.${randomUUID()}`);
      await writeFile(fresh, JSON.stringify(value), { mode: 0o600 });
      await rename(fresh, fileOf(name));
    },
    remove: (name) => rm(fileOf(name), { force: true }),
    async all() {
      const found = new Map<string, T>();
      for (const file of await readdir(folder)) {
        const name = NAME.exec(file)?.[1];
        const value = name === undefined ? undefined : await get(name);
        if (name !== undefined && value !== undefined) found.set(name, value);
      }
      return found;
    },
  };
}
