import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { treeEntries, type LayerEntry } from "../entries.ts";

const run = promisify(execFile);
const HOME = "/opt/hanzo/python";
const INTERPRETER = "usr/bin/python3.11";
const LIBRARY = "usr/lib/python3.11";

const AGENT = `#!/${INTERPRETER} -IS
import sys

sys.path += ["${HOME}/sdk", "${HOME}"]
from hanzo_runtime.agent import main

main()
`;

/** The server, the SDK and the agent. `source` is the folder runtimes/python. */
export async function pythonServer(source: string): Promise<LayerEntry[]> {
  const include = (path: string): boolean => !/(^|\/)(tests|templates|__pycache__|.*\.toml)(\/|$)/.test(path);
  return [
    ...(await treeEntries(source, HOME, { include })),
    { kind: "file", path: "/usr/bin/hanzo-fn-agent", mode: 0o755, content: Buffer.from(AGENT) },
    { kind: "link", path: "/usr/bin/python3", target: "python3.11" },
  ];
}

/**
 * Byte code of everything that is imported at a start, since a container cannot write it down: compiled by the image's own interpreter, which runs through
 * the image's own loader. Checked by nothing at run time (\`unchecked-hash\`, PEP 552), so that no times are in it.
 * @param root the image's files, unpacked
 */
export async function pythonByteCode(root: string, signal: AbortSignal): Promise<LayerEntry[]> {
  const libraries = join(root, "usr/lib/x86_64-linux-gnu");
  const loader = join(root, "usr/lib64/ld-linux-x86-64.so.2");
  const folders = [LIBRARY, HOME_IN_ROOT];
  const compile = ["-m", "compileall", "-q", "-j", "1", "--invalidation-mode", "unchecked-hash"];
  const args = [
    "-I",
    "-S",
    ...compile,
    "-s",
    root,
    "-p",
    "/",
    ...folders.map((folder) => join(root, folder)),
  ];
  await run(loader, ["--library-path", libraries, join(root, INTERPRETER), ...args], {
    signal,
    env: { PYTHONHOME: join(root, "usr"), PYTHONHASHSEED: "0", LANG: "C.UTF-8" },
  });
  const include = (path: string): boolean => /(^|\/)__pycache__(\/|$)/.test(path);
  const found = await Promise.all(
    folders.map((folder) => treeEntries(join(root, folder), `/${folder}`, { include })),
  );
  return found.flat();
}

const HOME_IN_ROOT = HOME.slice(1);
