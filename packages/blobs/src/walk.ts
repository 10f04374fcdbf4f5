export interface Entry {
  readonly name: string;
  readonly folder: boolean;
}

/**
 * Keys below a tree of folders that begin with `prefix`, in the order of the whole keys: `a/b` before `a0`,
 * because `/` sorts before the digits, and `a` before `a/b`.
 */
export async function* walk(
  prefix: string,
  read: (folder: string) => Promise<readonly Entry[]>,
): AsyncGenerator<string> {
  const slash = prefix.lastIndexOf("/");
  yield* below(slash < 0 ? "" : prefix.slice(0, slash + 1), prefix, read);
}

async function* below(
  folder: string,
  prefix: string,
  read: (folder: string) => Promise<readonly Entry[]>,
): AsyncGenerator<string> {
  const entries = (await read(folder)).map((entry) => ({
    key: folder + entry.name + (entry.folder ? "/" : ""),
    folder: entry.folder,
  }));
  entries.sort((a, b) => (a.key < b.key ? -1 : 1));
  for (const entry of entries) {
    if (entry.folder) {
      if (entry.key.startsWith(prefix) || prefix.startsWith(entry.key)) yield* below(entry.key, prefix, read);
    } else if (entry.key.startsWith(prefix)) {
      yield entry.key;
    }
  }
}
