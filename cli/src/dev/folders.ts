import { realpath, stat } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { type Invocation, UsageError } from "../command.ts";

/** Where runtime servers and installed dependencies are kept between sessions of one user. */
export function cacheFolder(env: Invocation["env"]): string {
  return join(env["XDG_CACHE_HOME"] || join(env["HOME"] || homedir(), ".cache"), "hanzo-fn");
}

/** The folder that `--source` names, without links. Throws `UsageError`. */
export async function sourceFolder({ flags, cwd }: Invocation): Promise<string> {
  const source = resolve(cwd, flags.text("source") ?? ".");
  if (!(await stat(source).catch(() => undefined))?.isDirectory())
    throw new UsageError(`${source} is no folder`);
  return realpath(source);
}
