import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  compiledServer,
  type ImageRuntime,
  type LayerEntry,
  pythonLabels,
  pythonServer,
  typescriptServer,
} from "@hanzo-fn/oci";
import { emitServer } from "@hanzo/functions/emit";
import { ROOT } from "../run-command.ts";
import { nodeProgram } from "./node-program.ts";

const run = promisify(execFile);
const NODE_VERSION = "22.23.3";
const RUNTIMES = join(ROOT, "runtimes");

export interface ServerFiles {
  readonly server: readonly LayerEntry[];
  readonly env?: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
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
      return {
        server: await pythonServer(join(RUNTIMES, "python"), interpreter),
        labels: pythonLabels(interpreter),
      };
    case "typescript": {
      await emitServer(join(work, "server"), process.execPath, signal);
      const env = { NODE_OPTIONS: "--enable-source-maps" };
      return {
        server: await typescriptServer(join(work, "server"), await nodeProgram(NODE_VERSION, cache, signal)),
        env,
      };
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
