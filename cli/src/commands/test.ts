import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createInPlaceBuilder } from "@hanzo-fn/builder";
import { type Manifest, PlatformError } from "@hanzo-fn/contract";
import { type Command, EXIT, type Invocation } from "../command.ts";
import { cacheFolder, sourceFolder } from "../dev/folders.ts";
import { readTestSettings } from "../dev/function-settings.ts";
import { linkSdk } from "../dev/sdk.ts";
import { isNotCompiled } from "../dev/source-scan.ts";
import { type TestTool, testTool } from "../dev/test-tool.ts";
import { findPython } from "../serve/python.ts";

/** The folders of a Python function's dependencies, installed where they are not yet. */
async function pythonPaths(
  root: string,
  manifest: Manifest,
  { env, signal }: Invocation,
): Promise<readonly string[]> {
  const python = await findPython("python3", false);
  const cache = cacheFolder(env);
  await mkdir(cache, { recursive: true });
  const builder = await createInPlaceBuilder({
    layersRoot: join(cache, "layers"),
    cacheRoot: join(cache, "build"),
    runtimes: {
      ...(python === undefined ? {} : { python: { command: [python.executable] } }),
      node: { command: [process.execPath] },
    },
    hostEnvironment: env,
    leavesOut: isNotCompiled,
  });
  try {
    const { runtime, entry } = manifest;
    return (await builder.build({ root, runtime, entry, out: root }, signal)).paths;
  } finally {
    await builder.close();
  }
}

async function runTool(
  tool: TestTool,
  root: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<number> {
  const child = spawn(tool.command, tool.args, { cwd: root, env, stdio: "inherit" });
  // A terminal's Ctrl-C reaches it too; a signal to this process alone is passed on.
  signal.addEventListener("abort", () => child.kill("SIGTERM"), { once: true });
  try {
    const [code] = (await once(child, "exit")) as [number | null];
    return code ?? -1;
  } catch (cause) {
    throw new PlatformError("unsupported", `${tool.command} cannot be run: ${(cause as Error).message}`, {
      cause,
      component: "test",
      next: "hanzo-fn doctor",
    });
  }
}

export const test: Command = {
  name: "test",
  summary: "Run a function's unit tests with the platform's SDK",
  description:
    "Runs the language's own tool in the source's folder: node --test (or npm test, where package.json has another\n" +
    "script), pytest where it is installed and else unittest, go test ./..., cargo test. The tool finds the SDK and\n" +
    "its test kit; variables are those of function.yaml, .env and .secrets.env. Words after -- go to the tool.",
  args: [
    { name: "words", required: false, rest: true, summary: "for the tool, for example a file or a filter" },
  ],
  flags: [
    {
      name: "source",
      type: "string",
      value: "DIR",
      summary: "folder of the source (default .)",
      completes: "files",
    },
  ],
  examples: ["hanzo-fn test", "hanzo-fn test --source ./my-function", "hanzo-fn test -- -run TestHello"],
  async run(invocation) {
    const { args, env, signal } = invocation;
    const root = await sourceFolder(invocation);
    const { manifest, environment } = await readTestSettings(root);
    const { runtime } = manifest;
    await linkSdk(root, runtime);
    const paths = runtime === "python" ? await pythonPaths(root, manifest, invocation) : [];
    const tool = await testTool(runtime, root, args, env, paths);
    const code = await runTool(tool, root, { ...env, ...environment, ...tool.env }, signal);
    if (signal.aborted) return EXIT.interrupted;
    return code === 0 ? EXIT.ok : EXIT.failure;
  },
};
