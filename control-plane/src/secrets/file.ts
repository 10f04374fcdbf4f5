import { randomBytes, randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { PlatformError, Secret } from "@hanzo-fn/contract";
import type { SecretAdmin } from "../secrets-admin.ts";
import type { SecretSource } from "./port.ts";
import { seal, unseal, type Sealed } from "./sealed.ts";

interface Entry extends Sealed {
  readonly org: string;
  readonly name: string;
  readonly version: number;
  readonly updatedAtMs: number;
}

async function ifThere<T>(read: Promise<T>): Promise<T | undefined> {
  return read.catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
}

/** Whole or not at all: written beside, flushed, then put in place by `place`. */
async function writeBeside(
  file: string,
  content: string | Buffer,
  place: (from: string, to: string) => Promise<void>,
): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  try {
    const handle = await open(temporary, "wx", 0o600);
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await place(temporary, file);
    const directory = await open(dirname(file), "r");
    await directory.sync().finally(() => directory.close());
  } finally {
    await rm(temporary, { force: true });
  }
}

/** The key lies beside the file: it keeps values out of backups, dumps and sight, not from who owns the machine. */
async function loadKey(file: string): Promise<Buffer> {
  const known = await ifThere(readFile(file));
  if (known?.length === 32) return known;
  if (known) throw new Error(`${file} is not a key of 32 bytes`);
  // A link never replaces a key that another process has just made.
  await writeBeside(file, randomBytes(32), link).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  return readFile(file);
}

const context = ({ org, name }: { readonly org: string; readonly name: string }): string =>
  JSON.stringify([org, name]);

/**
 * Secrets in one encrypted file (0600, its key in `<file>.key`), for the embedded default. One process writes it;
 * its writers take turns.
 */
export function createFileSecrets(
  deps: { readonly clock: { now(): number } },
  { file }: { readonly file: string },
): SecretSource & SecretAdmin {
  let turn: Promise<unknown> = Promise.resolve();

  const load = async (): Promise<Map<string, Entry>> => {
    const text = await ifThere(readFile(file, "utf8"));
    const { entries = [] } = (text === undefined ? {} : JSON.parse(text)) as { entries?: Entry[] };
    return new Map(entries.map((entry) => [context(entry), entry]));
  };

  const change = <T>(edit: (entries: Map<string, Entry>) => Promise<T>): Promise<T> => {
    const next = turn.then(async () => {
      const entries = await load();
      const result = await edit(entries);
      const content = JSON.stringify({ format: 1, entries: [...entries.values()] });
      await writeBeside(file, content, rename);
      return result;
    });
    turn = next.catch(() => {});
    return next;
  };

  return {
    async get(org, name) {
      const entry = (await load()).get(context({ org, name }));
      if (!entry) return undefined;
      try {
        const value = new Secret(unseal(await loadKey(`${file}.key`), context(entry), entry));
        return { value, version: String(entry.version) };
      } catch {
        throw new PlatformError("secrets_unavailable", `the secret ${name} cannot be decrypted`, {
          component: "control-plane",
          next: `set it again: hanzo-fn secrets set ${name}`,
        });
      }
    },
    async list(org) {
      const mine = [...(await load()).values()].filter((entry) => entry.org === org);
      return mine
        .map(({ name, updatedAtMs }) => ({ name, updatedAt: new Date(updatedAtMs) }))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async set(org, name, value) {
      const id = context({ org, name });
      const key = await loadKey(`${file}.key`);
      await change(async (entries) => {
        const version = (entries.get(id)?.version ?? 0) + 1;
        entries.set(id, { org, name, version, updatedAtMs: deps.clock.now(), ...seal(key, id, value) });
      });
    },
    unset: (org, name) => change(async (entries) => entries.delete(context({ org, name }))),
  };
}
