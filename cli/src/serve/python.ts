import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { readableByOthers } from "@hanzo-fn/engine";

const run = promisify(execFile);
const PROBE = "import sys; print('%d.%d.%d' % sys.version_info[:3]); print(sys.executable)";

export interface Python {
  readonly executable: string;
  readonly version: string;
}

async function probe(command: string): Promise<Python | undefined> {
  try {
    const { stdout } = await run(command, ["-I", "-S", "-c", PROBE], { timeout: 10_000 });
    const [version = "", executable = ""] = stdout.trim().split("\n");
    const [major = 0, minor = 0] = version.split(".").map(Number);
    return major === 3 && minor >= 10 && executable !== "" ? { executable, version } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The configured interpreter; else `python3` of the PATH, or the system's where instances run as other users
 * and those cannot read the first. Undefined where there is none from 3.10 on.
 */
export async function findPython(
  configured: string | undefined,
  forOthers: boolean,
): Promise<Python | undefined> {
  if (configured !== undefined) return probe(configured);
  const found = (
    await Promise.all(["python3", "/usr/bin/python3", "/usr/local/bin/python3"].map(probe))
  ).filter((python) => python !== undefined);
  return (forOthers ? found.find((python) => readableByOthers(python.executable)) : undefined) ?? found[0];
}
