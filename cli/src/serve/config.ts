import { readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { loadConfig, type LoadedConfig } from "@hanzo-fn/contract";
import { type Invocation, UsageError } from "../command.ts";

/** Root's home is closed to the user that PostgreSQL runs as, so root's data lies where services keep theirs. */
const ROOT_DATA_DIR = "/var/lib/hanzo-fn";

/** The configuration from a file, the environment and flags; flags win. */
export async function readConfig(
  file: string | undefined,
  flags: Readonly<Record<string, string>>,
  { env, cwd }: Pick<Invocation, "env" | "cwd">,
): Promise<LoadedConfig> {
  let text: string | undefined;
  if (file !== undefined) {
    try {
      text = await readFile(resolve(cwd, file), "utf8");
    } catch (cause) {
      throw new UsageError(`${file} cannot be read: ${(cause as Error).message}`, { cause });
    }
  }
  const isRoot = process.getuid?.() === 0;
  const withDefault =
    isRoot && text === undefined && env["XDG_DATA_HOME"] === undefined
      ? { HANZO_FN_DATA_DIR: ROOT_DATA_DIR, ...env }
      : env;
  return loadConfig({ text, env: withDefault, flags });
}
