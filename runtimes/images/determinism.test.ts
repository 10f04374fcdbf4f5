import { execFile } from "node:child_process";
import { chmod, cp, lutimes, mkdir, readdir, realpath, symlink, utimes } from "node:fs/promises";
import { join, relative } from "node:path";
import { homedir } from "node:os";
import { promisify } from "node:util";
import { RUNTIME_IMAGES } from "@hanzo-fn/oci";
import { tempDir } from "@hanzo-fn/testkit";
import { expect, inject, it } from "vitest";
import { ROOT } from "../../scripts/run-command.ts";

const run = promisify(execFile);

/** What decides about the images. */
const FOLDERS = ["packages", "scripts", "runtimes"];
const LEFT_OUT = /(^|\/)(node_modules|target|__pycache__|templates|fixtures|tests)(\/|$)/;
/** Workspaces of ours, which the copy has to find in itself. */
const SCOPES = ["@hanzo-fn", "@hanzo"];

/** A repository with other modes and other times: as if it were checked out by somebody else, in another year. */
async function copyRepository(target: string, umask: number, time: Date): Promise<void> {
  await mkdir(target);
  await cp(join(ROOT, "package.json"), join(target, "package.json"));
  for (const folder of FOLDERS) {
    const filter = (path: string): boolean => !LEFT_OUT.test(path.slice(join(ROOT, folder).length));
    await cp(join(ROOT, folder), join(target, folder), { recursive: true, filter });
  }
  for (const folder of FOLDERS) await disguise(join(target, folder), umask, time);
  const modules = join(target, "node_modules");
  await mkdir(modules);
  for (const name of await readdir(join(ROOT, "node_modules"))) {
    if (!SCOPES.includes(name)) await symlink(join(ROOT, "node_modules", name), join(modules, name));
  }
  for (const scope of SCOPES) {
    await mkdir(join(modules, scope));
    for (const name of await readdir(join(ROOT, "node_modules", scope))) {
      const place = relative(ROOT, await realpath(join(ROOT, "node_modules", scope, name)));
      await symlink(join(target, place), join(modules, scope, name));
    }
  }
  // What is downloaded is the same for both.
  await mkdir(join(target, ".cache"));
  for (const name of await readdir(join(ROOT, ".cache"))) {
    if (!/^(debian-packages|node-\d.*)$/.test(name)) continue;
    await symlink(await realpath(join(ROOT, ".cache", name)), join(target, ".cache", name));
  }
}

async function disguise(folder: string, umask: number, time: Date): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath, entry.name);
    if (entry.isSymbolicLink()) await lutimes(path, time, time);
    else {
      await chmod(path, (entry.isDirectory() ? 0o777 : 0o666) & ~umask);
      await utimes(path, time, time);
    }
  }
}

interface Surroundings {
  readonly umask: string;
  readonly zone: string;
  readonly clockShiftDays: number;
}

/** Assembles all images in a copy of the repository; answers digests by name. */
async function assembled(
  copy: string,
  { umask, zone, clockShiftDays }: Surroundings,
): Promise<Record<string, string>> {
  const script = `umask ${umask} && exec "$0" scripts/images.ts --always`;
  const home = join(copy, "home");
  await mkdir(home);
  const rustup = process.env["RUSTUP_HOME"] ?? join(homedir(), ".rustup");
  const env = {
    ...process.env,
    HOME: home,
    TZ: zone,
    RUSTUP_HOME: rustup,
    NODE_OPTIONS: `--import=${new URL("shifted-clock.ts", import.meta.url).href}`,
    CLOCK_SHIFT_DAYS: String(clockShiftDays),
  };
  const { stdout } = await run("sh", ["-c", script, process.execPath], { cwd: copy, env });
  const lines = stdout.trim().split("\n");
  const images = lines.map((line) => JSON.parse(line) as { image: string; digest: string });
  return Object.fromEntries(images.map(({ image, digest }) => [image, digest]));
}

it(
  "assembles all runtime images with equal digests from different folders, umasks, zones, homes, clocks and file times",
  { timeout: 600_000 },
  async (context) => {
    const images = inject("images");
    if ("reason" in images) context.skip(images.reason);
    await using folder = await tempDir();
    const [first, second] = [join(folder.path, "first"), join(folder.path, "a second one")];
    // Both before either is used, so that nobody's work in the repository comes between.
    await copyRepository(first, 0o077, new Date(Date.UTC(1999, 0, 1)));
    await copyRepository(second, 0o002, new Date(Date.UTC(2031, 5, 1)));
    const one = await assembled(first, { umask: "077", zone: "Pacific/Kiritimati", clockShiftDays: -4000 });
    const two = await assembled(second, { umask: "002", zone: "America/Lima", clockShiftDays: 2000 });
    expect(Object.keys(one).toSorted()).toEqual(Object.values(RUNTIME_IMAGES).toSorted());
    expect(two).toEqual(one);
  },
);
