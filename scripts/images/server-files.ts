import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  compiledServer,
  type ImageRuntime,
  type LayerEntry,
  pythonServer,
  typescriptServer,
} from "@hanzo-fn/oci";
import { emitServer } from "@hanzo/functions/emit";
import { ROOT } from "../run-command.ts";

const run = promisify(execFile);
const NODE_VERSION = "22.23.3";
const RUNTIMES = join(ROOT, "runtimes");

export interface ServerFiles {
  readonly server: readonly LayerEntry[];
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * What is in the image of one runtime besides its base.
 * @param work a folder that goes afterwards
 * @param cache a folder that is kept
 * @param interpreter of Python, as the image names it
 */
export async function serverFiles(
  runtime: ImageRuntime,
  { work, cache, interpreter }: { work: string; cache: string; interpreter?: string | undefined },
  signal: AbortSignal,
): Promise<ServerFiles> {
  switch (runtime) {
    case "python":
      return { server: await pythonServer(join(RUNTIMES, "python"), interpreter) };
    case "typescript": {
      await emitServer(join(work, "server"), process.execPath, signal);
      const env = { NODE_OPTIONS: "--enable-source-maps" };
      return { server: await typescriptServer(join(work, "server"), await nodeProgram(cache, signal)), env };
    }
    case "go":
      return { server: await compiledServer(await goAgent(work, signal)) };
    case "rust":
      return { server: await compiledServer(await rustAgent(work, signal)) };
  }
}

async function goAgent(work: string, signal: AbortSignal): Promise<string> {
  const agent = join(work, "agent");
  const flags = ["build", "-trimpath", "-buildvcs=false", "-ldflags=-s -w -buildid=", "-o", agent, "./agent"];
  const env = { ...process.env, CGO_ENABLED: "0" };
  await run("go", flags, { cwd: join(RUNTIMES, "go"), signal, env });
  return agent;
}

/** One file without crates, so that neither cargo nor the SDK has to be compiled for it. */
async function rustAgent(work: string, signal: AbortSignal): Promise<string> {
  const agent = join(work, "agent");
  const source = join(RUNTIMES, "rust", "agent");
  const flags = [
    "--edition=2021",
    "--crate-name=hanzo_fn_agent",
    "-Copt-level=s",
    "-Cpanic=abort",
    "-Cstrip=symbols",
  ];
  await run("rustc", [...flags, `--remap-path-prefix=${source}=/agent`, "-o", agent, "main.rs"], {
    cwd: source,
    signal,
  });
  return agent;
}

/** The program of Node that the image carries, from its npm package. */
async function nodeProgram(cache: string, signal: AbortSignal): Promise<string> {
  const name = `node-linux-${process.arch}`;
  const folder = join(cache, `node-${NODE_VERSION}`);
  const program = join(folder, "node_modules", name, "bin", "node");
  if (existsSync(program)) return program;
  // Elsewhere first: two may want it at once.
  const fresh = await mkdtemp(join(cache, ".node-"));
  try {
    const flags = ["install", "--silent", "--no-save", "--prefix", fresh];
    await run("npm", [...flags, `${name}@${NODE_VERSION}`], { signal });
    await rename(fresh, folder).catch((error: unknown) => {
      if (!existsSync(program)) throw error;
    });
    return program;
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}
