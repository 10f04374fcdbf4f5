import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

type Env = Readonly<Record<string, string | undefined>>;

/** Where a platform is and how to speak to it. */
export interface SavedContext {
  readonly server: string;
  readonly invoke_server?: string;
  /** JWT or API key. */
  readonly token?: string;
  readonly org?: string;
}

export interface ContextFile {
  readonly current?: string;
  readonly contexts: Readonly<Record<string, SavedContext>>;
}

export function contextPath(env: Env): string {
  return join(
    env["XDG_CONFIG_HOME"] ?? join(env["HOME"] ?? homedir(), ".config"),
    "hanzo-fn",
    "contexts.json",
  );
}

export async function readContexts(env: Env): Promise<ContextFile> {
  try {
    const file = JSON.parse(await readFile(contextPath(env), "utf8")) as Partial<ContextFile> | null;
    if (typeof file?.contexts !== "object" || file.contexts === null) throw new Error("it holds no contexts");
    return file as ContextFile;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return { contexts: {} };
    throw new Error(`${contextPath(env)} cannot be read: ${(error as Error).message}`, { cause: error });
  }
}

/** Written whole and put in place by rename; only its owner may read it, for it holds keys. */
export async function writeContexts(env: Env, file: ContextFile): Promise<void> {
  const path = contextPath(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(file, undefined, 2)}\n`, { mode: 0o600 });
  await rename(temporary, path);
}

/** Saves a context; it becomes the current one where `current` says so or there is none. */
export async function saveContext(
  env: Env,
  name: string,
  context: SavedContext,
  current: boolean,
): Promise<void> {
  const file = await readContexts(env);
  const keep = file.current !== undefined && file.current in file.contexts && !current;
  await writeContexts(env, {
    current: keep ? (file.current as string) : name,
    contexts: { ...file.contexts, [name]: context },
  });
}
