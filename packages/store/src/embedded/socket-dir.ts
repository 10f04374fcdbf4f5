import { chmod, chown, mkdir, mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { Layout } from "./layout.ts";
import type { DatabaseUser } from "./user.ts";

/** A Unix socket's whole path may have 107 bytes on Linux and 103 on macOS; PostgreSQL's file name takes 15 of them. */
const MAX_FOLDER_BYTES = 103 - "/.s.PGSQL.5432.lock".length;

export interface SocketDir {
  readonly path: string;
  remove(): Promise<void>;
}

/** A folder for the socket that only the database's user can open: in the data directory, or where that is too long, a new one. */
export async function makeSocketDir(layout: Layout, user: DatabaseUser): Promise<SocketDir> {
  const inside = Buffer.byteLength(layout.socketDir) <= MAX_FOLDER_BYTES;
  const folder = inside ? layout.socketDir : await mkdtemp(path.join(os.tmpdir(), "hanzo-fn-"));
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await chmod(folder, 0o700);
  if (user.switched) await chown(folder, user.uid, user.gid);
  return {
    path: folder,
    remove: () => (inside ? Promise.resolve() : rm(folder, { recursive: true, force: true })),
  };
}
