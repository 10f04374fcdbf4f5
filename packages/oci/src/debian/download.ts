import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { PlatformError } from "@hanzo-fn/contract";

const run = promisify(execFile);

/**
 * Package files by name, fetched with apt (which checks signatures) where `folder` does not hold them yet. Throws
 * `unsupported` where there is no apt, and `registry_unreachable` where it fails.
 */
export async function downloadPackages(
  names: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  await mkdir(folder, { recursive: true });
  const before = await known(folder);
  const absent = names.filter((name) => !before.has(name));
  if (absent.length > 0) await fetchInto(absent, folder, signal);
  const after = absent.length > 0 ? await known(folder) : before;
  return new Map(
    names.map((name) => {
      const file = after.get(name);
      if (file === undefined) throw failure(`apt did not bring ${name}`, undefined);
      return [name, join(folder, file)];
    }),
  );
}

/** `<name>_<version>_<architecture>.deb` by name. */
async function known(folder: string): Promise<ReadonlyMap<string, string>> {
  const files = (await readdir(folder)).filter((file) => file.endsWith(".deb")).toSorted();
  return new Map(files.map((file) => [file.slice(0, file.indexOf("_")), file]));
}

/** apt writes into its working directory; only whole files are moved from there. */
async function fetchInto(names: readonly string[], folder: string, signal: AbortSignal): Promise<void> {
  const fresh = await mkdtemp(join(folder, ".new-"));
  try {
    await run("apt-get", ["download", ...names], { cwd: fresh, signal });
    for (const file of await readdir(fresh)) {
      if (file.endsWith(".deb")) await rename(join(fresh, file), join(folder, file));
    }
  } catch (error) {
    signal.throwIfAborted();
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: string };
    if (code === "ENOENT") {
      const message =
        "base images are assembled from Debian packages, and there is no apt-get on this machine";
      throw new PlatformError("unsupported", message, { cause: error, component: "oci" });
    }
    throw failure(`apt-get download failed: ${stderr?.trim().split("\n").at(-1) ?? String(error)}`, error);
  } finally {
    await rm(fresh, { recursive: true, force: true });
  }
}

function failure(message: string, cause: unknown): PlatformError {
  return new PlatformError("registry_unreachable", message, {
    cause,
    component: "oci",
    next: "apt-get update",
  });
}
