import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { PlatformError } from "@hanzo-fn/contract";

/** PEP 3149: `_core.cpython-311-x86_64-linux-gnu.so` loads in Python 3.11 alone. */
const EXTENSION = /\.cpython-3(\d+)[a-z]*-[^/]*\.so$/;

/** The first name of a module that was compiled for another Python than `version` (`3.11`). */
export function foreignExtension(
  names: readonly string[],
  version: string,
): { readonly name: string; readonly version: string } | undefined {
  for (const name of names) {
    const minor = EXTENSION.exec(name)?.[1];
    if (minor !== undefined && `3.${minor}` !== version) return { name, version: `3.${minor}` };
  }
  return undefined;
}

/** Packages are installed by this machine's Python; throws `unsupported` where the image's cannot load them. */
export async function checkExtensions(folder: string, version: string): Promise<void> {
  const found = await readdir(folder, { recursive: true });
  const foreign = foreignExtension(found, version);
  if (foreign === undefined) return;
  const message = `${join(".", foreign.name)} was installed for Python ${foreign.version}, and the base image has Python ${version}`;
  throw new PlatformError("unsupported", message, {
    component: "images",
    next: `Have functions built with Python ${version} (local.python), or let runtimes.python.image name an image with Python ${foreign.version}`,
  });
}
