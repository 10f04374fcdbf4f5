import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { promisify } from "node:util";

export interface Holder {
  readonly pid: number;
  readonly command: string;
}

const LISTENING = "0A";
const MAX_COMMAND = 240;

/** Inodes of the sockets that listen on a port, from the text of `/proc/net/tcp` or `tcp6`. */
export function listeningInodes(table: string, port: number): readonly string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, "0");
  return table
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[1]?.endsWith(`:${wanted}`) === true && fields[3] === LISTENING)
    .map((fields) => fields[9] as string);
}

async function commandOf(pid: number): Promise<string> {
  const text = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return text.replaceAll("\0", " ").trim().slice(0, MAX_COMMAND) || "a command that this user may not see";
}

async function holds(pid: number, sockets: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for (const fd of await readdir(folder).catch(() => [])) {
    if (sockets.has(await readlink(`${folder}/${fd}`).catch(() => ""))) return true;
  }
  return false;
}

async function fromProc(port: number): Promise<Holder | undefined> {
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/net/${name}`, "utf8").catch(() => "")),
  );
  const sockets = new Set(
    tables.flatMap((table) => listeningInodes(table, port)).map((inode) => `socket:[${inode}]`),
  );
  if (sockets.size === 0) return undefined;
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  for (const pid of pids) if (await holds(pid, sockets)) return { pid, command: await commandOf(pid) };
  return undefined;
}

async function fromLsof(port: number): Promise<Holder | undefined> {
  try {
    const { stdout } = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"]);
    const [, pid] = /^p(\d+)$/m.exec(stdout) ?? [];
    const [, command] = /^c(.+)$/m.exec(stdout) ?? [];
    return pid === undefined ? undefined : { pid: Number(pid), command: command ?? "unknown" };
  } catch {
    return undefined;
  }
}

/** Who listens on a port; undefined where that cannot be seen. */
export async function portHolder(port: number): Promise<Holder | undefined> {
  return (await fromProc(port).catch(() => undefined)) ?? fromLsof(port);
}

function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen({ host, port }, () => server.close(() => resolve(true)));
  });
}

/** The first free port after this one; undefined where none of the next hundred is. */
export async function nextFreePort(host: string, port: number): Promise<number | undefined> {
  for (let next = port + 1; next <= Math.min(port + 100, 65_535); next++) {
    if (await isFree(host, next)) return next;
  }
  return undefined;
}
