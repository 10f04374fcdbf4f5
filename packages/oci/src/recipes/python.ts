import { execFile } from "node:child_process";
import { lstat, readdir, readlink } from "node:fs/promises";
import { join, posix } from "node:path";
import { promisify } from "node:util";
import { PlatformError } from "@hanzo-fn/contract";
import { treeEntries, type LayerEntry } from "../entries.ts";

const run = promisify(execFile);
const HOME = "/opt/hanzo/python";
/** Debian 12's. */
const DEBIAN_PYTHON = "/usr/bin/python3.11";
/** Label of an image with Python: which one, for example `3.11`. Compiled packages of another one do not load in it. */
export const PYTHON_LABEL = "functions.hanzo.ai/python";
/** Where images of the official kind and Debian's have it. */
const PYTHONS = ["/usr/local/bin/python3", "/usr/bin/python3", DEBIAN_PYTHON];
const LINKS_LIMIT = 16;

const agent = (interpreter: string): string => `#!${interpreter} -IS
import sys

sys.path += ["${HOME}/sdk", "${HOME}"]
from hanzo_runtime.agent import main

main()
`;

/** The server, the SDK and the agent. `source` is the folder runtimes/python, `interpreter` its path in the image. */
export async function pythonServer(source: string, interpreter = DEBIAN_PYTHON): Promise<LayerEntry[]> {
  const include = (path: string): boolean => !/(^|\/)(tests|templates|__pycache__|.*\.toml)(\/|$)/.test(path);
  const debian: LayerEntry = { kind: "link", path: "/usr/bin/python3", target: "python3.11" };
  return [
    ...(await treeEntries(source, HOME, { include })),
    {
      kind: "file",
      path: "/usr/bin/hanzo-fn-agent",
      mode: 0o755,
      content: Buffer.from(agent(interpreter)),
    },
    ...(interpreter === DEBIAN_PYTHON ? [debian] : []),
  ];
}

/** The minor version by the name of an interpreter: `/usr/bin/python3.11` has 3.11. None where its name says nothing. */
export function pythonLabels(interpreter = DEBIAN_PYTHON): Record<string, string> {
  const version = /python(3\.\d+)$/.exec(interpreter)?.[1];
  return version === undefined ? {} : { [PYTHON_LABEL]: version };
}

/** The interpreter of an unpacked image, links followed, as the image names it. Throws `invalid_source` without one. */
export async function pythonInterpreter(root: string): Promise<string> {
  for (const start of PYTHONS) {
    let path = start;
    for (let links = 0; links < LINKS_LIMIT; links += 1) {
      const info = await lstat(join(root, path)).catch(() => undefined);
      if (info?.isFile() === true) return path;
      if (info?.isSymbolicLink() !== true) break;
      path = posix.resolve(posix.dirname(path), await readlink(join(root, path)));
    }
  }
  throw new PlatformError("invalid_source", "the base image has no python3", { component: "oci" });
}

/**
 * Byte code of everything that is imported at a start, since a container cannot write it down: compiled by the image's
 * own interpreter, which runs through the image's own loader. Checked by nothing at run time (`unchecked-hash`, PEP 552),
 * so that no times are in it.
 * @param root the image's files, unpacked
 * @param folders of the image; default: the standard library and the server
 */
export async function pythonByteCode(
  root: string,
  signal: AbortSignal,
  folders?: readonly string[],
): Promise<LayerEntry[]> {
  const interpreter = await pythonInterpreter(root);
  const prefix = posix.dirname(posix.dirname(interpreter));
  const library = posix.join(prefix, "lib", posix.basename(interpreter));
  const wanted = folders ?? [library, HOME];
  const compile = ["-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"];
  const paths = wanted.map((folder) => join(root, folder));
  // -B: what the compiler itself imports would be written down with times and this machine's paths.
  const args = ["-I", "-S", "-B", ...compile, "-s", root, "-p", "/", ...paths];
  const { loader, libraries } = await loaderOf(root, prefix);
  await run(loader, ["--library-path", libraries.join(":"), join(root, interpreter), ...args], {
    signal,
    env: { PYTHONHOME: join(root, prefix), PYTHONHASHSEED: "0", LANG: "C.UTF-8" },
  });
  const include = (path: string): boolean => /(^|\/)__pycache__(\/|$)/.test(path);
  const found = await Promise.all(
    wanted.map((folder) => treeEntries(join(root, folder), folder, { include })),
  );
  return found.flat();
}

/** The dynamic loader of an unpacked image and where its libraries lie, of whichever architecture it is. */
async function loaderOf(
  root: string,
  prefix: string,
): Promise<{ readonly loader: string; readonly libraries: readonly string[] }> {
  const names = await readdir(join(root, "usr/lib"));
  const triplet = names.find((name) => name.endsWith("-linux-gnu"));
  for (const folder of ["usr/lib64", "usr/lib", "lib64", "lib"]) {
    const loader = (await readdir(join(root, folder)).catch(() => [])).find((name) =>
      /^ld-linux-.*\.so/.test(name),
    );
    if (loader === undefined || triplet === undefined) continue;
    const libraries = [`usr/lib/${triplet}`, `lib/${triplet}`, `.${prefix}/lib`].map((path) =>
      join(root, path),
    );
    return { loader: join(root, folder, loader), libraries };
  }
  throw new PlatformError("invalid_source", "the base image has no loader of GNU's", { component: "oci" });
}
