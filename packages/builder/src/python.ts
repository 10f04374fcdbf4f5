import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { buildFailed, cutShort, installFailure, tailOf, unsupported } from "./failures.ts";
import { EVERYBODY, type Layer, type LayerStore } from "./layers.ts";
import { preinstalledPython } from "./preinstalled.ts";
import { readRequirements, requiredNames, type Requirements } from "./requirements.ts";
import type { ToolResult } from "./run-tool.ts";
import { sourceTexts } from "./source-texts.ts";
import type { OnOutput, Tools } from "./tools.ts";
import type { BuilderOptions } from "./types.ts";

export interface PythonBuild {
  /** The layer of the source's dependencies; undefined where there are none. */
  dependencies(
    org: string,
    source: string,
    signal: AbortSignal,
    onLine: OnOutput,
  ): Promise<Layer | undefined>;
  /** The shared layer of the pre-installed packages that the source imports and does not require itself. */
  preinstalled(source: string, signal: AbortSignal, onLine: OnOutput): Promise<Layer | undefined>;
  /** Byte code beside the sources, so that a cold start does not compile. Mistakes show when the code is loaded. */
  compile(source: string, scratch: string, signal: AbortSignal): Promise<void>;
}

const PROBE =
  "import sys,sysconfig;print(sys.implementation.cache_tag,sysconfig.get_platform(),'.'.join(map(str,sys.version_info[:3])))";

/** `[project].dependencies`, one a line; Python 3.10 has no TOML reader of its own, pip brings one. */
const PYPROJECT = `
import sys
try:
    import tomllib
except ImportError:
    from pip._vendor import tomli as tomllib
try:
    with open("pyproject.toml", "rb") as file:
        project = tomllib.load(file).get("project", {})
    lines = project.get("dependencies", [])
    if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
        sys.exit("project.dependencies must be a list of strings")
    print("\\n".join(line.replace("\\n", " ") for line in lines))
except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
    sys.exit(str(error))
`;

export function createPythonBuild(options: BuilderOptions, layers: LayerStore, tools: Tools): PythonBuild {
  let probed: Promise<string> | undefined;

  const python = (): readonly string[] => {
    const command = options.runtimes.python?.command;
    if (command) return command;
    throw unsupported(
      "there is no Python on this machine",
      "install Python 3.10 to 3.14, then: hanzo-fn doctor",
    );
  };

  const run = (
    command: readonly string[],
    cwd: string,
    scratch: string,
    signal: AbortSignal,
    install: { readonly diskRoots?: readonly string[]; readonly onLine?: OnOutput } = {},
  ): Promise<ToolResult> => tools.run(command, { cwd, scratch, runs: "source", signal, ...install });

  /** Interpreter and platform, as far as compiled packages depend on them. */
  const version = async (signal: AbortSignal): Promise<string> => {
    const result = await run([...python(), "-I", "-c", PROBE], "/", "/nonexistent", signal);
    if (result.kind === "exit" && result.code === 0) return result.stdout.trim();
    const reason = result.kind === "missing" ? result.reason : tailOf(result.output).at(-1);
    throw unsupported(
      `Python does not run: ${reason ?? "no reason given"}`,
      "see what is wrong: hanzo-fn doctor",
    );
  };

  const pyprojectLines = async (source: string, signal: AbortSignal): Promise<string | undefined> => {
    const result = await run([...python(), "-I", "-c", PYPROJECT], source, "/nonexistent", signal);
    if (result.kind === "exit" && result.code === 0) return result.stdout;
    const rule =
      result.kind === "missing" ? result.reason : (tailOf(result.output).at(-1) ?? "it cannot be read");
    throw buildFailed("pyproject.toml cannot be read", [{ path: "pyproject.toml", rule }]);
  };

  const requirements = async (source: string, signal: AbortSignal): Promise<Requirements> => {
    const read = (path: string): Promise<string | undefined> =>
      readFile(join(source, path), "utf8").catch(() => undefined);
    if ((await read("requirements.txt")) !== undefined) return readRequirements("requirements.txt", read);
    if ((await read("pyproject.toml")) === undefined) return { lines: [], problems: [] };
    const lines = await pyprojectLines(source, signal);
    return readRequirements("pyproject.toml", async () => lines);
  };

  const install = async (
    lines: readonly string[],
    dir: string,
    scratch: string,
    signal: AbortSignal,
    onLine: OnOutput,
  ): Promise<void> => {
    const file = join(scratch, "requirements.txt");
    await writeFile(file, `${lines.join("\n")}\n`, { mode: 0o644 });
    const pip = options.pipCommand ?? [...python(), "-m", "pip"];
    const flags = [
      "--no-input",
      "--no-compile",
      "--no-cache-dir",
      "--no-warn-script-location",
      "--prefer-binary",
    ];
    const network = ["--retries", "1", "--timeout", "15"];
    const command = [...pip, "install", "--target", dir, "--requirement", file, ...flags, ...network];
    const result = await run(command, scratch, scratch, signal, { diskRoots: [dir, scratch], onLine });
    if (result.kind === "missing" || (result.kind === "exit" && /No module named pip/.test(result.output))) {
      throw unsupported(
        "pip is missing on this machine",
        "install pip for the Python in use, then: hanzo-fn doctor",
      );
    }
    if (result.kind !== "exit") throw cutShort("pip", result, tools.timeoutMs);
    if (result.code !== 0) throw installFailure("pip", result.output);
    await compileAll(dir, scratch, signal);
  };

  /** Layers and working copies never change, so their byte code need not be checked against the sources. */
  const compileAll = async (dir: string, scratch: string, signal: AbortSignal): Promise<void> => {
    const command = [
      ...python(),
      "-I",
      "-m",
      "compileall",
      "-qq",
      "--invalidation-mode",
      "unchecked-hash",
      ".",
    ];
    await run(command, dir, scratch, signal);
  };

  const layerOf = async (
    org: string,
    lines: readonly string[],
    signal: AbortSignal,
    onLine: OnOutput,
  ): Promise<Layer> => {
    probed ??= version(signal).catch((error: unknown) => {
      probed = undefined;
      throw error;
    });
    const parts = ["python", await probed, ...lines];
    return layers.get(org, parts, signal, (dir, scratch) => install(lines, dir, scratch, signal, onLine));
  };

  return {
    async dependencies(org, source, signal, onLine) {
      const { lines, problems } = await requirements(source, signal);
      if (problems.length > 0) throw buildFailed("the Python requirements cannot be installed", problems);
      if (!lines.some((line) => !line.startsWith("-"))) return undefined;
      return layerOf(org, lines, signal, onLine);
    },
    async preinstalled(source, signal, onLine) {
      const texts = await sourceTexts(source, [".py"]);
      const names = (await readdir(source)).map((name) => name.replace(/\.py$/, ""));
      if (preinstalledPython(texts, new Set(names)).length === 0) return undefined;
      const { lines } = await requirements(source, signal);
      const pinned = preinstalledPython(texts, new Set([...names, ...requiredNames(lines)]));
      return pinned.length === 0 ? undefined : layerOf(EVERYBODY, pinned, signal, onLine);
    },
    compile: compileAll,
  };
}
