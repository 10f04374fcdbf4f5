import { accessSync, constants, existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

export type ServerName = "redis-server" | "nats-server" | "versitygw" | "kafka";

/** Where scripts/servers.ts puts what no package manager of the system brings. */
const INSTALLED = fileURLToPath(new URL("../../../../.cache/servers/", import.meta.url));

/** Under `.cache/servers`. */
const PLACES: Readonly<Record<Exclude<ServerName, "kafka">, readonly string[]>> = {
  "redis-server": [],
  "nats-server": ["nats/bin/nats-server"],
  versitygw: ["versitygw/versitygw"],
};

const isProgram = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

export function onPath(program: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(path.delimiter).filter(Boolean);
  return folders.map((folder) => path.join(folder, program)).find(isProgram);
}

/** The program of a server: what scripts/servers.ts installed, else the one on the PATH. */
export function findProgram(name: Exclude<ServerName, "kafka">): string | undefined {
  return PLACES[name].map((place) => path.join(INSTALLED, place)).find(isProgram) ?? onPath(name);
}

export interface KafkaFiles {
  readonly java: string;
  readonly libs: string;
  /** A formatted data directory, to be copied. */
  readonly template: string;
}

export function findKafka(): KafkaFiles | undefined {
  const java = onPath("java");
  const folder = path.join(INSTALLED, "kafka");
  const files = { libs: path.join(folder, "libs"), template: path.join(folder, "template") };
  return java && existsSync(files.template) ? { java, ...files } : undefined;
}

/** Why a server cannot be had here; undefined where it can. */
export function absentServer(name: ServerName): string | undefined {
  const found = name === "kafka" ? findKafka() : findProgram(name);
  return found ? undefined : `${name} is not installed; .ci/run and \`node scripts/servers.ts\` install it`;
}

/** In a `beforeEach`: counts the test as skipped, with the reason, where the server is not installed. */
export function needsServer(ctx: TestContext, name: ServerName): void {
  const reason = absentServer(name);
  if (reason !== undefined) ctx.skip(reason);
}

export function programOf(name: Exclude<ServerName, "kafka">): string {
  const program = findProgram(name);
  if (program === undefined) throw new Error(absentServer(name));
  return program;
}
