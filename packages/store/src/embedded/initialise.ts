import { PlatformError } from "@hanzo-fn/contract";
import type { Clock } from "@hanzo-fn/lifecycle";
import { randomBytes } from "node:crypto";
import { chown, mkdir, open, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import type { StoreLog } from "../log.ts";
import type { Layout } from "./layout.ts";
import { run } from "./run.ts";
import type { DatabaseUser } from "./user.ts";

export interface InitialiseParts {
  /** Folder with PostgreSQL's bin, lib and share. */
  readonly native: string;
  readonly layout: Layout;
  readonly user: DatabaseUser;
  readonly log: StoreLog;
  readonly clock: Clock;
}

/**
 * Makes the database cluster where there is none, and returns its password. A cluster that was cut in the making
 * is made anew: it gets its name only when it is whole.
 */
export async function initialise(parts: InitialiseParts): Promise<string> {
  const { layout, user, log, clock } = parts;
  if (await exists(path.join(layout.data, "PG_VERSION"))) return readPassword(layout);
  const startedAt = clock.monotonic();
  const password = randomBytes(24).toString("base64url");
  await writeDurably(layout.password, password);
  await rm(layout.unfinished, { recursive: true, force: true });
  await mkdir(layout.unfinished, { mode: 0o700 });
  const passwordForInit = path.join(layout.root, "password.init");
  try {
    await writeFile(passwordForInit, password, { mode: 0o600 });
    if (user.switched) {
      await chown(layout.unfinished, user.uid, user.gid);
      await chown(passwordForInit, user.uid, user.gid);
    }
    await runInitdb(parts, passwordForInit);
  } finally {
    await rm(passwordForInit, { force: true });
  }
  await rename(layout.unfinished, layout.data);
  await syncDirectory(layout.root);
  log.info("the embedded database was created", { ms: Math.round(clock.monotonic() - startedAt) });
  return password;
}

async function runInitdb({ native, layout, user }: InitialiseParts, passwordFile: string): Promise<void> {
  const args = [
    `--pgdata=${layout.unfinished}`,
    "--username=hanzo",
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--no-locale",
    "--no-instructions",
  ];
  const { code, output } = await run(user, path.join(native, "bin", "initdb"), args, {
    cwd: layout.unfinished,
  });
  if (code === 0) return;
  const full = output.includes("No space left on device");
  throw new PlatformError(full ? "storage_full" : "internal", `initdb failed: ${lastLines(output)}`, {
    component: "store/embedded",
    next: `See whether ${layout.root} can be written to, or set DATABASE_URL.`,
  });
}

async function readPassword(layout: Layout): Promise<string> {
  try {
    return (await readFile(layout.password, "utf8")).trim();
  } catch (error) {
    throw new PlatformError("internal", `the embedded database's password is missing: ${layout.password}`, {
      cause: error,
      component: "store/embedded",
      next: "Restore that file from the same backup as the folder beside it.",
    });
  }
}

async function writeDurably(file: string, text: string): Promise<void> {
  await using handle = await open(file, "w", 0o600);
  await handle.writeFile(text);
  await handle.sync();
}

async function syncDirectory(directory: string): Promise<void> {
  await using handle = await open(directory, "r");
  await handle.sync();
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}

export function lastLines(output: string): string {
  return output.trim().split("\n").slice(-5).join(" | ");
}
