import { chmod, chown, mkdir } from "node:fs/promises";
import path from "node:path";
import type { DatabaseUser } from "./user.ts";

/** Where things lie below `<dataDir>/postgres`. */
export interface Layout {
  readonly root: string;
  /** PostgreSQL's own data directory; owned by the database's user. */
  readonly data: string;
  /** Being made; renamed to `data` when it is whole. */
  readonly unfinished: string;
  /** Ours alone. */
  readonly password: string;
  readonly lock: string;
  /** For the Unix socket, where the path is short enough; owned by the database's user. */
  readonly socketDir: string;
  /** Copy of the binaries, where the database's user cannot reach the installed ones. */
  readonly binaries: string;
}

export function layoutOf(dataDir: string): Layout {
  const root = path.join(dataDir, "postgres");
  return {
    root,
    data: path.join(root, "data"),
    unfinished: path.join(root, "data.unfinished"),
    password: path.join(root, "password"),
    lock: path.join(root, "lock"),
    socketDir: path.join(root, "socket"),
    binaries: path.join(root, "binaries"),
  };
}

/** Makes the folders; the database's user may pass through the outer one, and nobody but us may list it. */
export async function prepareLayout(layout: Layout, user: DatabaseUser): Promise<void> {
  await mkdir(layout.root, { recursive: true, mode: 0o700 });
  if (!user.switched) return;
  await chown(layout.root, 0, user.gid);
  await chmod(layout.root, 0o710);
}
