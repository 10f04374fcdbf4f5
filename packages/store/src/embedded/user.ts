import { PlatformError } from "@hanzo-fn/contract";
import { readFile } from "node:fs/promises";

export interface DatabaseUser {
  readonly uid: number;
  readonly gid: number;
  /** True where the process is root and PostgreSQL, which refuses to be, runs as this other user. */
  readonly switched: boolean;
}

/** Ours, or where we are root: `wanted`, else `postgres`, else `nobody`. */
export async function chooseUser(wanted: number | undefined): Promise<DatabaseUser> {
  const own = process.getuid?.() ?? -1;
  if (own !== 0) return { uid: own, gid: process.getgid?.() ?? -1, switched: false };
  const users = parsePasswd(await readFile("/etc/passwd", "utf8").catch(() => ""));
  const chosen =
    wanted === undefined
      ? (users.find((user) => user.name === "postgres") ?? users.find((user) => user.name === "nobody"))
      : users.find((user) => user.uid === wanted);
  if (chosen && chosen.uid !== 0) return { uid: chosen.uid, gid: chosen.gid, switched: true };
  throw new PlatformError(
    "unsupported",
    wanted === undefined
      ? "PostgreSQL does not run as root, and this system has neither a user postgres nor nobody"
      : `PostgreSQL cannot run as uid ${wanted}: it is root, or /etc/passwd does not know it`,
    {
      component: "store/embedded",
      next: "Run as another user than root, create a user `postgres`, or set DATABASE_URL.",
    },
  );
}

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

export function parsePasswd(text: string): PasswdEntry[] {
  return text.split("\n").flatMap((line) => {
    const [name, , uid, gid] = line.split(":");
    if (!name || name.startsWith("#") || !/^\d+$/.test(uid ?? "") || !/^\d+$/.test(gid ?? "")) return [];
    return [{ name, uid: Number(uid), gid: Number(gid) }];
  });
}
