import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import {
  ONNXRUNTIME,
  onnxruntimeLibrary,
  onnxruntimeManifest,
  preinstalledNode,
  preinstalledPython,
} from "@hanzo-fn/builder";
import {
  type ImageRuntime,
  type LayerEntry,
  type Layout,
  pythonByteCode,
  pythonInterpreter,
  RUNTIME_IMAGES,
  treeEntries,
  writeImage,
  writeLayer,
} from "@hanzo-fn/oci";
import { ARCHITECTURE, unpackNamed } from "./assemble.ts";

const run = promisify(execFile);

/** What is put in where nobody chooses: all that the standard lists but torch, which is gigabytes. */
const DEFAULTS: Readonly<Record<ImageRuntime, readonly string[]>> = {
  python: ["httpx", "numpy", "onnxruntime", "pydantic", "tokenizers", "transformers"],
  typescript: ["@huggingface/tokenizers", "@xenova/transformers", "onnxruntime-node"],
  go: ["onnxruntime"],
  rust: ["onnxruntime"],
};
const PYTHON_HOME = "/opt/hanzo/preinstalled";
const LIBRARIES = "/opt/hanzo/lib";
const INSTALL_BUFFER = 64 * 2 ** 20;

interface Packages {
  readonly entries: readonly LayerEntry[];
  readonly env: Readonly<Record<string, string>>;
}

/** The variant of a runtime image with one more layer, the pre-installed packages; answers its name. */
export async function addPreinstalled(
  layout: Layout,
  runtime: ImageRuntime,
  chosen: readonly string[] | undefined,
  signal: AbortSignal,
): Promise<string> {
  const found = await layout.find(RUNTIME_IMAGES[runtime]);
  if (found === undefined) throw new Error(`${RUNTIME_IMAGES[runtime]} is not in ${layout.root}`);
  const work = await mkdtemp(join(tmpdir(), "hanzo-fn-preinstalled-"));
  try {
    const names = chosen ?? DEFAULTS[runtime];
    const { entries, env } = await packagesOf(runtime, layout, names, work, signal);
    const layer = await writeLayer(
      layout,
      entries,
      { createdBy: `pre-installed: ${names.join(", ")}` },
      signal,
    );
    const config = { Env: Object.entries(env).map(([name, value]) => `${name}=${value}`) };
    const name = variantName(runtime, chosen);
    const recipe = { architecture: ARCHITECTURE, base: found.descriptor, layers: [layer], config };
    await writeImage(layout, name, recipe, signal);
    return name;
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** `fn-python:3.12-preinstalled`; with a choice of packages `fn-python:3.12-with-httpx-numpy`. */
export function variantName(runtime: ImageRuntime, chosen: readonly string[] | undefined): string {
  const words = chosen?.map((name) => name.replace(/^@/, "").replaceAll("/", ".")).toSorted();
  return `${RUNTIME_IMAGES[runtime]}-${words === undefined ? "preinstalled" : `with-${words.join("-")}`}`;
}

async function packagesOf(
  runtime: ImageRuntime,
  layout: Layout,
  names: readonly string[],
  work: string,
  signal: AbortSignal,
): Promise<Packages> {
  if (runtime === "python") return pythonPackages(layout, names, join(work, "root"), signal);
  if (runtime === "typescript") return nodePackages(names, work, signal);
  return library(names, work, signal);
}

/** Wheels for the image's interpreter, and their byte code. */
async function pythonPackages(
  layout: Layout,
  names: readonly string[],
  root: string,
  signal: AbortSignal,
): Promise<Packages> {
  await unpackNamed(layout, RUNTIME_IMAGES.python, root, signal);
  const target = join(root, PYTHON_HOME);
  const minor = basename(await pythonInterpreter(root)).slice("python".length);
  const lines = preinstalledPython(
    names.map((name) => `import ${name}`),
    new Set(),
  );
  const machine = process.arch === "arm64" ? "aarch64" : "x86_64";
  const platforms = ["2_28", "2_27", "2_17", "2014"].map((version) =>
    version === "2014" ? `manylinux2014_${machine}` : `manylinux_${version}_${machine}`,
  );
  const flags = ["--no-input", "--no-compile", "--only-binary=:all:", `--python-version=${minor}`];
  const wanted = platforms.map((platform) => `--platform=${platform}`);
  const requirements = join(root, "requirements.txt");
  await writeFile(requirements, `${lines.flatMap((line) => forPython(line, minor)).join("\n")}\n`);
  const install = [
    "-m",
    "pip",
    "install",
    "--target",
    target,
    ...flags,
    ...wanted,
    "--requirement",
    requirements,
  ];
  await run("python3", install, { signal, maxBuffer: INSTALL_BUFFER });
  // Scripts name the interpreter that installed them.
  await rm(join(target, "bin"), { recursive: true, force: true });
  await pythonByteCode(root, signal, [PYTHON_HOME]);
  return { entries: await treeEntries(target, PYTHON_HOME), env: { HANZO_FN_PATHS: PYTHON_HOME } };
}

/** A requirement whose marker holds for that Python, without the marker: pip would ask its own interpreter. */
function forPython(line: string, minor: string): string[] {
  const [requirement = "", marker] = line.split(";").map((part) => part.trim());
  const [, comparison, version = ""] = /^python_version (<|>=) "([\d.]+)"$/.exec(marker ?? "") ?? [];
  if (comparison === undefined) return [requirement];
  const number = (text: string): number => Number(text.split(".")[1]);
  const older = number(minor) < number(version);
  return older === (comparison === "<") ? [requirement] : [];
}

async function nodePackages(names: readonly string[], work: string, signal: AbortSignal): Promise<Packages> {
  const manifest = preinstalledNode(
    names.map((name) => `import "${name}"`),
    new Set(),
  );
  if (manifest === undefined) throw new Error(`none of ${names.join(", ")} is pre-installed`);
  const modules = await npmInstall(manifest, work, signal);
  return { entries: await treeEntries(modules, "/node_modules", { include: forThisMachine }), env: {} };
}

/** onnxruntime's shared library, which the SDKs load. */
async function library(names: readonly string[], work: string, signal: AbortSignal): Promise<Packages> {
  if (names.some((name) => name !== "onnxruntime")) throw new Error("Go and Rust have onnxruntime alone");
  await npmInstall(onnxruntimeManifest(), work, signal);
  const file = await realpath(await onnxruntimeLibrary(work));
  await mkdir(join(work, "lib"));
  await copyFile(file, join(work, "lib", "libonnxruntime.so"));
  const path = `${LIBRARIES}/libonnxruntime.so`;
  return { entries: await treeEntries(join(work, "lib"), LIBRARIES), env: { [ONNXRUNTIME]: path } };
}

async function npmInstall(manifest: string, work: string, signal: AbortSignal): Promise<string> {
  await writeFile(join(work, "package.json"), manifest);
  const flags = ["install", "--silent", "--ignore-scripts", "--no-audit", "--no-fund", "--no-package-lock"];
  await run("npm", flags, { cwd: work, signal, maxBuffer: INSTALL_BUFFER });
  await rm(join(work, "node_modules", ".package-lock.json"), { force: true });
  return join(work, "node_modules");
}

/** onnxruntime-node carries libraries for every system. */
function forThisMachine(path: string): boolean {
  const [, rest] = /^onnxruntime-node\/bin\/napi-v\d+\/(.*)$/.exec(path) ?? [];
  if (rest === undefined) return !/(^|\/)\.bin(\/|$)/.test(path);
  const [system, machine] = rest.split("/");
  return system === process.platform && (machine === undefined || machine === process.arch);
}
