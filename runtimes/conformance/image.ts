import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { chown, cp, mkdir, readdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { NONROOT, RUNTIME_IMAGES } from "@hanzo-fn/oci";
import { containerSpec, unpackedImage } from "./container.ts";
import type { LanguageName, Program } from "./languages.ts";
import { SHARED } from "./server.ts";

const run = promisify(execFile);

/**
 * The same server inside the language's image: a container of runc with the image's user and a read-only root, which sees
 * the test's folder at the same path and nothing else of this machine.
 * @param layoutFolder the OCI layout that scripts/images.ts wrote
 */
export async function inImage(
  language: LanguageName,
  layoutFolder: string,
  program: Program,
): Promise<Program> {
  const image = await unpackedImage(layoutFolder, RUNTIME_IMAGES[language]);
  return {
    command: "runc",
    args: [],
    // A compiled function lies in the source, where the agent looks for it.
    wrap: async (directory, env) => {
      const source = join(directory, "source");
      if (existsSync(program.command) && program.args.length === 0)
        await cp(program.command, join(source, "function"));
      const bundle = join(directory, "bundle");
      await mkdir(bundle);
      await mkdir(SHARED, { recursive: true });
      await handOver(directory);
      // The image's own search path holds, not that of the machine which runs the tests.
      const { PATH: _, ...own } = env;
      const folders = { [directory]: directory, [SHARED]: SHARED };
      const spec = containerSpec(image, { env: own, folders, cwd: directory });
      await writeFile(join(bundle, "config.json"), JSON.stringify(spec));
      return { args: ["run", "--bundle", bundle, idOf(directory)] };
    },
    remove: async (directory) => {
      await run("runc", ["delete", "--force", idOf(directory)]).catch(() => undefined);
    },
  };
}

const idOf = (directory: string): string => `hanzo-fn-${basename(directory)}`;

/** Gives the test's folder to the user of the container. */
async function handOver(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = [directory, ...entries.map((entry) => join(entry.parentPath, entry.name))];
  await Promise.all(paths.map((path) => chown(path, NONROOT, NONROOT)));
}
