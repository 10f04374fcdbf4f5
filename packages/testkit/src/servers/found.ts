import { accessSync, constants, existsSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { TestContext } from "vitest";

export type ServerName = "redis-server" | "nats-server" | "versitygw" | "kafka" | "docker-registry";

/** Where scripts/servers.ts puts what no package manager of the system brings. */
const INSTALLED = fileURLToPath(new URL("../../../../.cache/servers/", import.meta.url));

/** Places under `.cache/servers`, and the environment variables that name another one. */
const PLACES: Readonly<Record<ServerName, { readonly place?: string; readonly variable: string }>> = {
  "redis-server": { variable: "TEST_REDIS_SERVER" },
  "docker-registry": { variable: "TEST_DOCKER_REGISTRY" },
  "nats-server": { place: "nats/bin/nats-server", variable: "TEST_NATS_SERVER" },
  versitygw: { place: "versitygw/versitygw", variable: "TEST_VERSITYGW" },
  /** A folder with `libs` and a formatted `template`. */
  kafka: { place: "kafka", variable: "TEST_KAFKA" },
};

export const isProgram = (file: string): boolean => {
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

/** What the environment names, else what scripts/servers.ts installed, else what is on the PATH. */
export function findProgram(name: Exclude<ServerName, "kafka">): string | undefined {
  const { place, variable } = PLACES[name];
  const named = process.env[variable];
  if (named !== undefined) return isProgram(named) ? named : undefined;
  const installed = place === undefined ? undefined : path.join(INSTALLED, place);
  return installed !== undefined && isProgram(installed) ? installed : onPath(name);
}

export interface KafkaFiles {
  readonly java: string;
  readonly libs: string;
  /** A formatted data directory, to be copied. */
  readonly template: string;
}

export function findKafka(): KafkaFiles | undefined {
  const java = onPath("java");
  const { place = "", variable } = PLACES.kafka;
  const folder = process.env[variable] ?? path.join(INSTALLED, place);
  const files = { libs: path.join(folder, "libs"), template: path.join(folder, "template") };
  return java && existsSync(files.template) ? { java, ...files } : undefined;
}

/** Why a server cannot be had here; undefined where it can. */
export function absentServer(name: ServerName): string | undefined {
  const found = name === "kafka" ? findKafka() : findProgram(name);
  if (found) return undefined;
  if (name === "docker-registry") return "docker-registry is not installed (apt-get install docker-registry)";
  const { place, variable } = PLACES[name];
  const how = place === undefined ? "the system's package manager" : "`node scripts/servers.ts`";
  return `${name} is not installed: ${how} installs it, as .ci/run does, and ${variable} may name it`;
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
